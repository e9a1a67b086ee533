"""The journal: a worker's own durable marks, one for each mail it is about to finish.

SMTP takes mails one by one, and a transaction for each would cost more than sending
it. Marks go into a file instead: sixteen bytes each, written and synced together for
all connections that are waiting at the same moment. A mark counts for one claim only,
as the claim's fence number is in it, so that old marks never have to be removed.

The worker holds a lock on its file (flock). Who can take the lock knows that the worker
is dead and may settle its batches at once, by the marks. A worker that merely stands
still is shut out first, by a file that says so: it looks for that file after each mark
and before the bytes that count, so one of the two always sees the other.
"""

import asyncio
import errno
import fcntl
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from struct import Struct

from flashmail.transports import Fenced

#: Batch, fence, subscriber, and the three of them folded together as a check.
MARK = Struct(">IIII")

#: What the marks of one claim begin with.
CLAIM = Struct(">II")

#: Written ahead, so that a sync has no new length of the file to sync as well.
SIZE = 1 << 20

#: The two kinds of marks differ in their checks.
ARMED, ACCEPTED = 0x666D6A6C, 0x666D6163

#: Between a journal's name and the numbers of a claim that its worker has lost.
SHUT_OUT = ".shut-out-"

#: A batch and the fence number of the claim on it.
Claimed = tuple[int, int]


class Journal:
    """One worker's marks, from `open` to `close`."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder, self._worker = folder, worker
        self._path = _path(folder, worker)
        self._shut_out = f"{self._path}{SHUT_OUT}"
        self._handle = -1
        self._place = self._size = 0
        self._accepted: list[tuple[int, int, int]] = []
        self._flushes = False
        self._waiting: list[tuple[int, int, int]] = []
        self._waiters: list[asyncio.Future[set[Claimed]]] = []

    def open(self) -> None:
        """Make the file and hold its lock until `close`, or until this process dies."""
        self._folder.mkdir(parents=True, exist_ok=True)
        while self._handle < 0:
            self._handle = _locked(self._path)
        self._grow()
        _sync_folder(self._folder)

    def close(self, *, keep: bool = False) -> None:
        """Let the file go. Unless something is in hand still, remove it as well."""
        if self._handle >= 0:
            if not keep:
                _unlink(self._path)
            os.close(self._handle)
            self._handle = -1

    def rewind(self) -> None:
        """Begin at the front again; to be called when no batch is in hand."""
        self._place = 0

    def accept(self, batch_id: int, fence: int, subscriber_ids: Sequence[int]) -> None:
        """Note whose mails were accepted, so that they are not unknown if we die.

        It is written with the next marks, and not synced: a dead process loses nothing
        of what it wrote, and after a power cut the mail is unknown, which is true.
        """
        self._accepted += [(batch_id, fence, each) for each in subscriber_ids]
        if not self._flushes:
            self._flushes = True
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._flush)

    async def arm(
        self, batch_id: int, fence: int, subscriber_ids: Sequence[int]
    ) -> None:
        """Return when the marks are on the disk; raise Fenced if the batch is not ours.

        Whoever asks while others wait is written together with them.
        """
        self._waiting += [(batch_id, fence, each) for each in subscriber_ids]
        loop = asyncio.get_running_loop()
        if not self._waiters:
            # A round of the loop later, so that whoever is about to ask comes along.
            loop.call_soon(self._sync)
        # One for each: whoever is cancelled takes nobody else along.
        synced: asyncio.Future[set[Claimed]] = loop.create_future()
        self._waiters.append(synced)
        if (batch_id, fence) in await synced:
            raise Fenced(f"batch {batch_id} was taken over by another worker")

    def _sync(self) -> None:
        waiting, self._waiting = self._waiting, []
        waiters, self._waiters = self._waiters, []
        problem = self._keep(waiting)
        if problem is None:
            claims = {(batch_id, fence) for batch_id, fence, _ in waiting}
            shut_out = {each for each in claims if self._is_shut_out(*each)}
        for waiter in waiters:
            if waiter.done():
                continue
            if problem is None:
                waiter.set_result(shut_out)
            else:
                waiter.set_exception(problem)

    def _flush(self) -> None:
        self._flushes = False
        # What somebody waits for takes the rest along.
        if self._accepted and not self._waiters:
            self._keep([])

    def _keep(self, waiting: Sequence[tuple[int, int, int]]) -> Fenced | None:
        """Write marks, and sync what is waited for; return what kept them from it."""
        accepted, self._accepted = self._accepted, []
        marks = b"".join(
            [_mark(each, ACCEPTED) for each in accepted]
            + [_mark(each, ARMED) for each in waiting]
        )
        try:
            if self._place + len(marks) > self._size:
                self._grow()
            _write(self._handle, marks, self._place)
            if waiting:
                os.fdatasync(self._handle)
        except OSError as problem:
            return Fenced(f"nothing can be noted: {problem.strerror}")
        self._place += len(marks)
        return None

    def _grow(self) -> None:
        """Write more of it ahead: while batches are in hand, marks are only added."""
        _write(self._handle, bytes(SIZE), self._size)
        os.fsync(self._handle)
        self._size += SIZE

    def _is_shut_out(self, batch_id: int, fence: int) -> bool:
        return os.path.exists(f"{self._shut_out}{batch_id}-{fence}")


def is_dead(folder: Path, worker: str) -> bool:
    """Return whether a worker of this home surely runs no more."""
    with _forsaken(_path(folder, worker)) as dead:
        return dead


def of_the_dead(folder: Path) -> list[Path]:
    """Return the journals of workers that run no more."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if SHUT_OUT not in path.name:
            with _forsaken(path) as dead:
                found += [path] if dead else []
    return found


def remove(folder: Path, journals: Iterable[Path], needed: Iterable[str]) -> None:
    """Remove journals of the dead, but not those of the workers named in `needed`."""
    for path in set(journals) - {_path(folder, worker) for worker in needed}:
        # Under its lock, so that a worker which has just begun one notices.
        with _forsaken(path) as dead:
            if dead:
                _unlink(path)


def shut_out(folder: Path, worker: str, batch_id: int, fence: int) -> None:
    """Let a worker arm nothing more of a claim, should it still be running."""
    if not _path(folder, worker).exists():
        return
    _shut_out(folder, worker, batch_id, fence).touch()
    _sync_folder(folder)


def read(
    folder: Path, worker: str, batch_id: int, fence: int
) -> tuple[list[int] | None, list[int]]:
    """Return whom a worker had armed in a claim, and who of them was accepted.

    Whom it armed is None if its journal is not here.
    """
    try:
        marks = _path(folder, worker).read_bytes()
    except FileNotFoundError:
        return None, []
    claim = CLAIM.pack(batch_id, fence)
    return _marked(marks, claim, ARMED), _marked(marks, claim, ACCEPTED)


@contextmanager
def _forsaken(path: Path) -> Iterator[bool]:
    """Whether nobody has a journal's lock: then we have it as long as this lasts."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(handle)


def _locked(path: Path) -> int:
    """Make a journal and lock it; return -1 if it was removed in between."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    if os.fstat(handle).st_nlink:
        return handle
    os.close(handle)
    return -1


def _unlink(path: Path) -> None:
    """Remove a journal, and what shut its worker out of claims."""
    for each in path.parent.glob(f"{glob.escape(path.name)}{SHUT_OUT}*"):
        each.unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _mark(what: tuple[int, int, int], kind: int) -> bytes:
    batch_id, fence, subscriber_id = what
    check = batch_id ^ fence ^ subscriber_id ^ kind
    return MARK.pack(batch_id, fence, subscriber_id, check)


def _marked(marks: bytes, claim: bytes, kind: int) -> list[int]:
    """Return the subscribers in a claim's marks of a kind.

    The claim is looked for, not each mark unpacked: there may be millions.
    """
    found = []
    at = marks.find(claim)
    while at >= 0:
        whole = at % MARK.size == 0 and at + MARK.size <= len(marks)
        if whole:
            batch_id, fence, subscriber_id, check = MARK.unpack_from(marks, at)
            if check == batch_id ^ fence ^ subscriber_id ^ kind:
                found.append(subscriber_id)
        at = marks.find(claim, at + (MARK.size if whole else 1))
    return found


def _path(folder: Path, worker: str) -> Path:
    return folder / worker.replace("/", "_")


def _shut_out(folder: Path, worker: str, batch_id: int, fence: int) -> Path:
    return Path(f"{_path(folder, worker)}{SHUT_OUT}{batch_id}-{fence}")


def _write(handle: int, marks: bytes, place: int) -> None:
    """Write the marks, all of them: the last bit of a disk takes only some."""
    if os.pwrite(handle, marks, place) < len(marks):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
