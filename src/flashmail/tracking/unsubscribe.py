"""Unsubscribing, also while the database is away: a spool keeps it.

A word is written to a file and synced before it is answered, and taken to the tables as
soon as they can be reached. Doing that twice does no harm.
"""

import json
import logging
import os
import secrets
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, select

from flashmail.audience.suppression import suppress_subscribers
from flashmail.database import transaction
from flashmail.links import BadToken, Purpose, Tokens
from flashmail.model import ConsentKind, EventKind, Link, Subscriber, SubscriberStatus
from flashmail.subscribers.preferences import ConsentSource, agreed, unfollow
from flashmail.tracking.events import NewEvent
from flashmail.tracking.recording import record

#: The version of what the page says to a reader about to unsubscribe.
WORDING = "unsubscribe 1"


def destinations(session: Session, campaign_id: int) -> dict[int, str]:
    """Return where the links of a campaign lead, by their numbers.

    They were fixed when the campaign was approved: nothing in the address that was
    called decides where somebody is taken.
    """
    found = select(Link).where(Link.campaign_id == campaign_id)
    return {link.number: link.url for link in session.exec(found)}


def whose(tokens: Tokens, token: str) -> int:
    """Return the number of the reader that may leave by a token, or raise BadToken."""
    return tokens.read(Purpose.LEAVE, token)[1]


def unfollow_topics(
    session: Session,
    tokens: Tokens,
    token: str,
    topic_ids: Iterable[int],
    *,
    now: datetime,
) -> None:
    """Let the reader of a delivery follow some topics no longer."""
    campaign_id, subscriber_id = tokens.read(Purpose.LEAVE, token)
    if session.get(Subscriber, subscriber_id) is not None:
        where = ConsentSource(WORDING, f"the link in campaign {campaign_id}")
        unfollow(session, subscriber_id, topic_ids, where=where, now=now)


def unsubscribe(session: Session, tokens: Tokens, token: str, *, now: datetime) -> None:
    """Unsubscribe the reader of a delivery from everything. Twice is once.

    The suppression does not hang on the delivery: it holds when the campaign is gone.
    """
    campaign_id, subscriber_id = tokens.read(Purpose.LEAVE, token)
    event = NewEvent(
        key=f"unsubscribed:{campaign_id}:{subscriber_id}",
        campaign_id=campaign_id,
        subscriber_id=subscriber_id,
        kind=EventKind.UNSUBSCRIBED,
        at=now,
        recorded_at=now,
        detail="by the link in the mail",
    )
    record(session, [event])
    person = session.get(Subscriber, subscriber_id)
    if person is not None and person.status is not SubscriberStatus.UNSUBSCRIBED:
        where = ConsentSource(WORDING, f"the link in campaign {campaign_id}")
        agreed(session, subscriber_id, ConsentKind.LEAVE, where, now=now)
    words = f"by the link in campaign {campaign_id}"
    reason = (SubscriberStatus.UNSUBSCRIBED, now, words)
    suppress_subscribers(session, {subscriber_id: reason})


logger = logging.getLogger(__name__)

FOLDER = "spool"

#: How long a reader that leaves is kept waiting for the database, in seconds.
PATIENCE = 2.0


class Spool:
    """Words of readers on their way into the tables of one installation."""

    def __init__(self, engine: Engine, tokens: Tokens, home: Path | None) -> None:
        self._engine, self._tokens = engine, tokens
        self._folder = home / FOLDER if home else None
        # A request that waits for a locked database here keeps no other waiting.
        self._hands = ThreadPoolExecutor(4, "spool")

    def leave(self, token: str, *, topics: tuple[int, ...] = (), now: datetime) -> bool:
        """Let a reader leave, all topics or some; return whether the tables know.

        Raises BadToken for a token that is none of ours. Without a home there is no
        spool, and what the database says is raised.
        """
        whose(self._tokens, token)
        file = self._write(token, topics, now) if self._folder else None
        doing = self._hands.submit(self._apply, token, topics, now, file)
        return _waited(doing, for_ever=file is None)

    def replay(self) -> int:
        """Take what is in the spool to the tables; return how many words there were."""
        done = 0
        for file in sorted(self._folder.glob("*.json")) if self._folder else []:
            try:
                said = json.loads(file.read_bytes())
                at = datetime.fromisoformat(said["at"])
                self._apply(said["token"], tuple(said["topics"]), at, file)
                done += 1
            except (ValueError, KeyError, BadToken):
                logger.exception("%s says nothing that can be understood", file)
                file.rename(file.with_suffix(".wrong"))
        return done

    def close(self) -> None:
        self._hands.shutdown(wait=False, cancel_futures=True)

    def _apply(
        self, token: str, topics: tuple[int, ...], now: datetime, file: Path | None
    ) -> None:
        with transaction(self._engine) as session:
            if topics:
                unfollow_topics(session, self._tokens, token, topics, now=now)
            else:
                unsubscribe(session, self._tokens, token, now=now)
        if file is not None:
            file.unlink(missing_ok=True)

    def _write(self, token: str, topics: tuple[int, ...], now: datetime) -> Path:
        assert self._folder is not None
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._folder / f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(8)}.json"
        said = {"token": token, "topics": list(topics), "at": now.isoformat()}
        part = file.with_suffix(".part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(json.dumps(said).encode())
            stream.flush()
            os.fsync(stream.fileno())
        part.rename(file)
        _sync(self._folder)
        return file


def _waited(doing: "Future[None]", *, for_ever: bool) -> bool:
    if for_ever:
        doing.result()
        return True
    with suppress(TimeoutError):
        try:
            doing.result(PATIENCE)
        except SQLAlchemyError:
            logger.exception("the database is away; the spool keeps who left")
            return False
        return True
    return False


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
