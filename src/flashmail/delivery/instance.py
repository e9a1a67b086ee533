"""The instance fence: a restored backup and a copy send nothing by themselves.

Both know of deliveries as still to be done that went out long ago. A home therefore
keeps a file beside the database with its identity and its number of claims. The
file is written and synced after each claim, before anything is handed over.

- The file knows of more claims than the database: the database was restored.
- The file is missing, or is a copy (it has another inode, path or machine): this is not
  the home that sent so far.

In both cases nothing is sent until a person has looked and said `flashmail adopt`.
"""

import fcntl
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, bindparam, update
from sqlmodel import Session, col, select

from flashmail.database import transaction
from flashmail.errors import NeedsDecision
from flashmail.model import Campaign, CampaignStatus, Instance

FILE = "instance"

MACHINE = Path("/etc/machine-id")

#: What a person has to look at before it goes on, and how it waits for that.
STOPPED = {
    CampaignStatus.SENDING: CampaignStatus.PAUSED,
    CampaignStatus.SCHEDULED: CampaignStatus.MISSED,
}

ADVICE = (
    "Nothing is sent until a person has looked: 'flashmail adopt' pauses every campaign"
    " under way and lets this home send; then resume what really should go on."
)

#: Made once: it runs with every claim.
COUNT = (
    update(Instance.__table__)  # type: ignore[attr-defined]
    .where(col(Instance.token) == bindparam("whose"))
    .values(claims=col(Instance.claims) + 1)
    .returning(col(Instance.claims))
)


class NotThisInstance(NeedsDecision):
    """This home is not the one that sent from this database so far."""


class InstanceFence:
    """Lets one home send from one database, and notices when either is not itself."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self._engine = engine
        self._path = home / FILE
        self._token = ""
        self._handle = -1

    def open(self) -> None:
        """Raise NotThisInstance unless this home may send; a first one may."""
        # One worker of a home after the other: the transaction begins only with its
        # first statement, so a second one would see neither file nor lock yet.
        with _alone(self._path.parent), transaction(self._engine) as session:
            if not self._path.exists() or self._was_cut_short(session):
                self._begin(session)
            token, claims = _read(self._path)
            _compare(session.get(Instance, token), claims, _fingerprint(self._path))
        self._token = token
        self._handle = os.open(self._path, os.O_WRONLY)

    def count(self, session: Session) -> int:
        """Count a claim, in its own transaction; return the number for `note`."""
        counted = session.connection().execute(COUNT, {"whose": self._token})
        return int(counted.scalar_one())

    def note(self, claims: int) -> None:
        """Write a claim into the file, durably, before anything is handed over."""
        # Another worker of this home may have counted on in the meantime.
        if claims > _read(self._path)[1]:
            _write(self._handle, self._token, claims)

    def adopt(self, *, beside: bool = False) -> list[int]:
        """Let this home send from now on; return the campaigns that were stopped.

        `beside` others that go on sending, nothing is stopped.
        """
        with _alone(self._path.parent), transaction(self._engine) as session:
            paused = [] if beside else _stop_all(session)
            self._path.unlink(missing_ok=True)
            _register(session, self._path)
            return paused

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _was_cut_short(self, session: Session) -> bool:
        """Whether this home died while it registered: the file stands for nothing."""
        token, claims = _read(self._path)
        return claims == 0 and session.get(Instance, token) is None

    def _begin(self, session: Session) -> None:
        if session.exec(select(Instance)).first() is not None:
            raise NotThisInstance(
                f"{self._path} is not there, but this database was sent from before:"
                f" is it a copy? {ADVICE}"
            )
        self._path.unlink(missing_ok=True)
        _register(session, self._path)


@contextmanager
def fenced(engine: Engine, home: Path) -> Iterator[InstanceFence]:
    """Open the fence of a home as long as the context lasts."""
    fence = InstanceFence(engine, home)
    fence.open()
    try:
        yield fence
    finally:
        fence.close()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep other processes, and other threads, from looking at the home meanwhile."""
    handle = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _register(session: Session, path: Path) -> None:
    token = secrets.token_hex(16)
    # It gets its name when it is written: nobody may ever find half of it.
    handle, unnamed = tempfile.mkstemp(prefix=f"{FILE}-", dir=path.parent)
    try:
        _write(handle, token, 0)
        os.link(unnamed, path)
    finally:
        os.close(handle)
        os.unlink(unnamed)
    session.add(Instance(token=token, fingerprint=_fingerprint(path)))
    session.flush()


def _compare(known: Instance | None, claims: int, fingerprint: str) -> None:
    if known is None or known.claims < claims:
        raise NotThisInstance(
            f"this database is older than what was sent from here: was it restored"
            f" from a backup? {ADVICE}"
        )
    if known.fingerprint != fingerprint:
        raise NotThisInstance(f"this home is a copy of another one. {ADVICE}")


def _stop_all(session: Session) -> list[int]:
    paused = session.exec(
        select(col(Campaign.id))
        .where(col(Campaign.status).in_(STOPPED))
        .order_by(col(Campaign.id))
    ).all()
    for status, stopped in STOPPED.items():
        session.execute(
            update(Campaign)
            .where(col(Campaign.status) == status)
            .values(status=stopped, note="stopped when another instance took over")
        )
    return [each for each in paused if each is not None]


def _fingerprint(path: Path) -> str:
    """What a copy cannot have as well: machine, place and inode of the file."""
    machine = MACHINE.read_text().strip() if MACHINE.exists() else ""
    identity = f"{machine}|{path.resolve()}|{path.stat().st_ino}"
    return hashlib.sha256(identity.encode()).hexdigest()


def _read(path: Path) -> tuple[str, int]:
    token, _, claims = path.read_text().strip().partition(" ")
    if not claims.isdecimal():
        raise NotThisInstance(f"{path} cannot be read. {ADVICE}")
    return token, int(claims)


def _write(handle: int, token: str, claims: int) -> None:
    os.pwrite(handle, f"{token} {claims:020d}\n".encode(), 0)
    os.fdatasync(handle)
