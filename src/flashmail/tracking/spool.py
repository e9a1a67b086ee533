"""The spool: who leaves while the database is away has left all the same.

A word is written to a file and synced before it is answered, and taken to the tables as
soon as they can be reached. Doing that twice does no harm.
"""

import json
import logging
import os
import secrets
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from flashmail.database import transaction
from flashmail.links import BadToken, Tokens
from flashmail.tracking import readers

logger = logging.getLogger(__name__)

FOLDER = "spool"

#: How long somebody who leaves is kept waiting for the database, in seconds.
PATIENCE = 2.0


class Spool:
    """Words of readers on their way into the tables of one installation."""

    def __init__(self, engine: Engine, tokens: Tokens, home: Path | None) -> None:
        self._engine, self._tokens = engine, tokens
        self._folder = home / FOLDER if home else None
        # Whoever waits for a locked database here keeps nobody else waiting.
        self._hands = ThreadPoolExecutor(4, "spool")

    def leave(self, token: str, *, topics: tuple[int, ...] = (), now: datetime) -> bool:
        """Let a reader leave, all topics or some; return whether the tables know.

        Raises BadToken for a token that is none of ours. Without a home there is no
        spool, and what the database says is raised.
        """
        readers.whose(self._tokens, token)
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
                readers.unfollowed(session, self._tokens, token, topics, now=now)
            else:
                readers.left(session, self._tokens, token, now=now)
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
