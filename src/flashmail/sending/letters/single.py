"""One mail to one address, handed over at most once."""

import logging
import secrets
from collections.abc import Mapping, Sequence

from flashmail.message import TOKEN_WIDTH, TOKENS, Message
from flashmail.transports import Outcome, Receipt, Recipient, SenderProblem, Transport

logger = logging.getLogger(__name__)


async def hand_over(
    transport: Transport,
    message: Message,
    *,
    number: int,
    address: str,
    values: Mapping[str, str],
) -> Receipt:
    """Hand a mail over that its row was moved on for: it is not tried twice.

    What was not expected may have happened after the bytes had left, so nobody knows.
    """
    # With tokens that no mail has: whatever is reported with them finds nobody.
    nobodys = {field: secrets.token_hex(TOKEN_WIDTH // 2) for field in TOKENS}
    who = Recipient(number, address, {**nobodys, "address": address, **values})
    try:
        return (await transport.send(message, [who], _no_mark))[0]
    except SenderProblem as problem:
        later = Receipt(number, Outcome.LATER, str(problem))
        return next(iter(problem.receipts), later)
    except Exception as problem:
        logger.exception("nobody knows whether mail %s went", number)
        why = f"nobody knows whether it went: {problem}"
        return Receipt(number, Outcome.UNKNOWN, why)


async def _no_mark(ids: Sequence[int]) -> None:
    """Its row was moved on for good before: there is nothing more to note."""
