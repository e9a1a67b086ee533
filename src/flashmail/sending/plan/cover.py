"""Whom the digests reach: a schedule may be for some readers only."""

from collections.abc import Iterable

from sqlmodel import Session, select

from flashmail.audience.addresses import parse_address
from flashmail.audience.select import members
from flashmail.audience.topics import lineage
from flashmail.model import Path, Subscriber
from flashmail.sending.plan.seats import Edition, editions

NONE = "but no schedule brings it: none is for this reader and these topics"


def is_brought(
    session: Session, path: Path | None, address: str, topics: Iterable[str]
) -> bool:
    """Whether a digest goes out that brings a brief on these topics to a reader.

    What does not come by a schedule is always brought.
    """
    if path not in (Path.DAILY, Path.WEEKLY):
        return True
    tags = frozenset(topics)
    return any(
        _brings(session, each, parse_address(address.strip()).key, tags)
        for each in editions(session, path)
    )


def _brings(session: Session, edition: Edition, key: str, tags: frozenset[str]) -> bool:
    segment = edition.segment
    if segment is None:
        return True
    if segment.bringing and tags.isdisjoint(lineage(session).expand(segment.bringing)):
        return False
    meant = select(Subscriber.id).where(
        Subscriber.key == key, *members(session, segment)
    )
    return session.exec(meant).first() is not None
