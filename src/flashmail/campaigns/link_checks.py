"""Link checks: each link of a mail is followed first, in the background.

The table is the queue: a row is asked for, somebody follows it, and what was found
stands there with its time.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from socket import gaierror
from typing import NamedTuple

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from flashmail.database import reading, transaction
from flashmail.fetch import GUARD, CannotFetch, Guard, HostUnreachable, NotPublic, fetch
from flashmail.model import LinkCheck, LinkState

#: A link that was followed so long ago is followed again when somebody asks.
FRESH = timedelta(hours=12)

AT_ONCE = 8

IN_ONE_GO = 16

#: What says for sure that there is no such page. Other answers may be meant for
#: programs: many a site turns those away.
GONE = frozenset({404, 410})

#: A name that is always there: where it is not, names cannot be looked up at all.
ALWAYS_THERE = "example.com"


class LinkResult(NamedTuple):
    """How a link was found."""

    state: LinkState
    note: str


def request_checks(session: Session, urls: Iterable[str], *, now: datetime) -> None:
    """Have links followed, unless that was done a moment ago."""
    wanted = list(dict.fromkeys(urls))
    rows = session.exec(select(LinkCheck).where(col(LinkCheck.url).in_(wanted)))
    known = {each.url: each for each in rows}
    for url in wanted:
        check = known.get(url)
        if check is None:
            session.add(LinkCheck(url=url, asked_at=now))
        elif check.checked_at is not None and now - check.checked_at > FRESH:
            check.state, check.asked_at = LinkState.ASKED, now


def run_checks(
    engine: Engine,
    guard: Guard = GUARD,
    *,
    only: Collection[str] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Follow the links that were asked for, or those of them; return how many."""
    with reading(engine) as session:
        waiting = (
            select(LinkCheck.url)
            .where(col(LinkCheck.state) == LinkState.ASKED)
            .order_by(col(LinkCheck.asked_at))
            .limit(IN_ONE_GO)
        )
        if only is not None:
            waiting = waiting.where(col(LinkCheck.url).in_(only))
        urls = list(session.exec(waiting))
    if not urls:
        return 0
    found = asyncio.run(_follow_all(urls, guard))
    with transaction(engine) as session:
        for url, verdict in found.items():
            check = session.get_one(LinkCheck, url)
            check.state, check.note = verdict
            check.checked_at = clock()
    return len(found)


async def _follow_all(urls: Iterable[str], guard: Guard) -> Mapping[str, LinkResult]:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(url: str) -> tuple[str, LinkResult]:
        async with turn:
            return url, await _follow(url, guard)

    return dict(await asyncio.gather(*map(one, urls)))


async def _follow(url: str, guard: Guard) -> LinkResult:
    try:
        answer = await fetch(url, guard, body=False)
    except NotPublic:
        return LinkResult(LinkState.DEAD, "it is not on the public internet")
    except HostUnreachable as error:
        if error.gone and _names_are_found(guard):
            return LinkResult(LinkState.DEAD, "there is no such host")
        return LinkResult(LinkState.UNSURE, _short(error))
    except CannotFetch as error:
        return LinkResult(LinkState.UNSURE, _short(error))
    if answer.status in GONE:
        return LinkResult(LinkState.DEAD, f"it answered {answer.status}")
    state = LinkState.ALIVE if answer.status < 400 else LinkState.UNSURE
    return LinkResult(state, f"it answered {answer.status}")


def _names_are_found(guard: Guard) -> bool:
    with suppress(gaierror, OSError):
        return bool(guard.resolve(ALWAYS_THERE, 443))
    return False


def _short(error: Exception) -> str:
    return str(error).rstrip(".")[:200]
