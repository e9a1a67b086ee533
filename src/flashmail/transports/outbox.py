"""The outbox: mail that stays on this machine, in a Maildir any mail program reads."""

import asyncio
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import format_datetime, parseaddr, parsedate_to_datetime
from functools import cached_property
from pathlib import Path

from flashmail.errors import WrongInput
from flashmail.message import TOKEN, Message
from flashmail.message.mime import Compiled, compiled
from flashmail.transports.base import Arm, Fenced, Outcome, Receipt, Recipient

FOLDERS = TMP, NEW, CUR = "tmp", "new", "cur"

#: Bytes; no header of ours is longer.
LONGEST_HEAD = 1 << 14

#: A mail's name in the outbox, which is its delivery's token.
KEY = re.compile(r"[0-9A-Za-z]+").fullmatch


@dataclass(frozen=True)
class StoredMail:
    """A mail in the outbox, read as a mail program would read it."""

    key: str
    raw: bytes

    @property
    def to(self) -> str:
        return str(self._parsed["To"])

    @property
    def subject(self) -> str:
        return str(self._parsed["Subject"])

    @property
    def date(self) -> datetime:
        return parsedate_to_datetime(str(self._parsed["Date"]))

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def text(self) -> str:
        return self._part("plain")

    @cached_property
    def _parsed(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    def _part(self, kind: str) -> str:
        part = self._parsed.get_body((kind,))
        return str(part.get_content()) if part else ""


class Outbox:
    """Writes each mail into a file. One that is handed over again takes its old place.

    A demonstration's way out and no spool: files are not synced to disk one by one.
    """

    batch_size = 500
    arms_singly = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(
        self, message: Message, recipients: Sequence[Recipient], arm: Arm
    ) -> list[Receipt]:
        ids = [recipient.subscriber_id for recipient in recipients]
        try:
            await arm(ids)
        except Fenced as fenced:
            return [Receipt(each, Outcome.LATER, str(fenced)) for each in ids]
        return await asyncio.to_thread(self._keep, compiled(message), recipients)

    async def close(self) -> None:
        """There is nothing to let go."""

    def mails(
        self, limit: int = 100, before: str | None = None
    ) -> Iterator[StoredMail]:
        """Yield the latest mails, or the latest older than the key `before`."""
        files = self._files()
        keys = [_key(file) for file in files]
        start = keys.index(before) + 1 if before in keys else 0
        for file in files[start : start + limit]:
            yield StoredMail(_key(file), file.read_bytes())

    def mail(self, key: str) -> StoredMail | None:
        """Return the mail of a key, if the outbox keeps one."""
        if not KEY(key):
            return None
        places = [self._folder / NEW / key, *(self._folder / CUR).glob(f"{key}:*")]
        found = next((place for place in places if place.is_file()), None)
        return StoredMail(key, found.read_bytes()) if found else None

    def forget(self, addresses: Collection[str]) -> int:
        """Remove the mails to these addresses; return how many there were."""
        theirs = {each.lower() for each in addresses}
        gone = 0
        for file in self._files():
            if _address(file) in theirs:
                file.unlink(missing_ok=True)
                gone += 1
        return gone

    def _keep(self, form: Compiled, recipients: Sequence[Recipient]) -> list[Receipt]:
        for name in FOLDERS:
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        date = format_datetime(datetime.now(UTC))
        return [self._keep_one(form, each, date) for each in recipients]

    def _keep_one(self, form: Compiled, recipient: Recipient, date: str) -> Receipt:
        try:
            raw = form.fill(recipient.address, recipient.values, date)
            self._write(recipient.values[TOKEN], raw)
        except WrongInput as problem:
            return Receipt(recipient.subscriber_id, Outcome.REFUSED, str(problem))
        except OSError as problem:
            return Receipt(
                recipient.subscriber_id, Outcome.LATER, problem.strerror or ""
            )
        return Receipt(recipient.subscriber_id, Outcome.ACCEPTED)

    def _write(self, key: str, raw: bytes) -> None:
        if not KEY(key):
            raise WrongInput("a mail in the outbox is named by its delivery's token")
        half_written = self._folder / TMP / key
        half_written.write_bytes(raw)
        # Whole or not there at all: a reader of the folder never sees half a mail.
        half_written.rename(self._folder / NEW / key)

    def _files(self) -> list[Path]:
        """Return every mail's file, the latest first."""
        found = []
        for name in (NEW, CUR):
            if (self._folder / name).is_dir():
                found += [
                    (entry.stat().st_mtime_ns, entry.path)
                    for entry in os.scandir(self._folder / name)
                    if entry.is_file()
                ]
        return [Path(path) for _, path in sorted(found, reverse=True)]


def _address(file: Path) -> str:
    """Return the recipient of a mail, by its head alone: there may be many of them."""
    with file.open("rb") as mail:
        head = BytesParser(policy=policy.default).parsebytes(
            mail.read(LONGEST_HEAD), headersonly=True
        )
    return parseaddr(str(head["To"] or ""))[1].lower()


def _key(file: Path) -> str:
    # A mail program that looked at a mail puts flags behind a colon.
    return file.name.partition(":")[0]
