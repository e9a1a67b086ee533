"""What stands in the way of a brief, and what goes all the same by `--override`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import Session

from flashmail import audit
from flashmail.errors import NeedsDecision, WrongInput
from flashmail.links import Links
from flashmail.model import Campaign
from flashmail.review import approval
from flashmail.staff import members

if TYPE_CHECKING:
    from flashmail.findings import Finding

#: What nobody passes: the law, a promise to others, or nobody to send it to.
NEVER = frozenset({"embargo", "nobody", "postal-address", "unsubscribe"})


@dataclass(frozen=True)
class Overrides:
    """What blocked, by code, and goes all the same because somebody says why."""

    codes: tuple[str, ...] = ()
    reason: str = ""

    def record(
        self,
        session: Session,
        campaign: Campaign,
        *,
        links: Links,
        by: str,
        now: datetime,
    ) -> None:
        """Write it into the audit log, and tell all active staff."""
        if not self.codes:
            return
        assert campaign.id is not None
        codes, why = list(self.codes), self.reason
        audit.record(
            session,
            audit.of_campaign(campaign.id),
            "override",
            by=by,
            now=now,
            codes=codes,
            reason=why,
        )
        approval.record_self_approval(
            session,
            campaign,
            f"{why} (despite {', '.join(codes)})",
            told=members.addresses(session),
            links=links,
            by=by,
            now=now,
        )


def tell(found: Iterable[Finding]) -> None:
    """Say on standard error what was found, and its code where it blocks."""
    from flashmail.cli import console

    for each in found:
        where = f" ({each.where})" if each.where else ""
        code = f" [{each.code}]" if each.blocks else ""
        console.note(f"{each.level}: {each.message}{where}{code}")


def require_passed(
    found: Sequence[Finding], codes: Sequence[str], reason: str
) -> Overrides:
    """Raise NeedsDecision for whatever blocks, unless it is passed by its code."""
    from flashmail.staff.permissions import SHORTEST_REASON

    if codes and len(reason.strip()) < SHORTEST_REASON:
        raise WrongInput("say by --reason, in a sentence, why it is overridden")
    if never := sorted(NEVER.intersection(codes)):
        raise WrongInput(f"nothing overrides {', '.join(never)}: mend it")
    blocking = dict.fromkeys(each.code for each in found if each.blocks)
    if left := [code for code in blocking if code not in codes]:
        raise NeedsDecision(
            f"nothing was sent: mend {', '.join(left)}, or say --override CODE --reason"
            " WHY for each; all staff are told"
        )
    return Overrides(tuple(blocking), reason.strip())
