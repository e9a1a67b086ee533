"""The journal: a worker's own durable marks, for the mails that it hands over.

SMTP takes mails one by one, and a transaction for each would cost more than sending
it. Marks go into a file instead, sixteen bytes each. A mark counts for one claim only,
as the claim's fence number is in it, so that old marks never have to be removed.

Nobody's mail is handed over before a mark for it is on the disk. As a sync takes longer
than a mail does, marks are put there for the next readers of a batch together; when a
mail's turn has come it gets a mark of its own, which is not synced. If the worker dies,
everything it wrote is still there: what is unknown are the few mails that were on their
way. If the machine dies, only what was synced is sure to be there: then all that were
marked together are unknown. The file begins with the boot in which it was made, which
tells one case from the other.

The worker holds a lock on its file (flock). Another process that can take it knows that
the worker is dead and may settle its batches at once, by the marks. A worker that
merely stands still is shut out first, by a line in a second file: it looks at that file
after each mark and before the bytes that count, so one of the two always sees the
other.
"""

import asyncio
import errno
import fcntl
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from struct import Struct

from flashmail.transports import Fenced

#: Batch, fence, subscriber, and the three of them folded together as a check.
MARK = Struct(">IIII")

#: What the marks of one claim begin with.
CLAIM = Struct(">II")

#: The kinds of marks differ in their checks.
AHEAD, ARMED, ACCEPTED = 0x666D6168, 0x666D6A6C, 0x666D6163

#: A batch and the fence number of the claim on it.
Claimed = tuple[int, int]


def this_boot() -> bytes:
    """Return sixteen bytes that are others once this machine has started again."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        # Where that cannot be told, every start of a worker counts as one.
        return uuid.uuid4().bytes
    return uuid.UUID(text.strip()).bytes


def packed(claimed: Claimed, kind: int, subscriber_ids: Iterable[int]) -> list[bytes]:
    """Return a mark for each subscriber; none of them counts for another claim."""
    batch_id, fence = claimed
    check = batch_id ^ fence ^ kind
    return [MARK.pack(batch_id, fence, each, check ^ each) for each in subscriber_ids]


def found_in(marks: bytes, claim: bytes, kind: int) -> list[int]:
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


#: Written ahead, so that a sync has no new length of the file to sync as well.
SIZE = 1 << 20

#: So many readers of a batch get a synced mark at once. After a power cut that many
#: mails of each batch in hand may be unknown.
TOGETHER = 200

#: In seconds. What was accepted is written then if no other mark came first.
SOON = 0.05

#: After a journal's name: the claims that its worker has lost.
SHUT_OUT = ".shut-out"


@dataclass
class _Readers:
    """A claim's readers: those with a synced mark, and those that come next."""

    next: Iterator[int] = field(default_factory=lambda: iter(()))
    marked: set[int] = field(default_factory=set)

    def take(self, subscriber_ids: Sequence[int]) -> list[int]:
        """Return the readers that need a synced mark now: none, or these and more."""
        if self.marked.issuperset(subscriber_ids):
            return []
        taken = list(islice(self.next, TOGETHER))
        taken += set(subscriber_ids).difference(self.marked, taken)
        self.marked.update(taken)
        return taken


class Journal:
    """One worker's marks, from `open` to `close`."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder, self._worker = folder, worker
        self._path = _path(folder, worker)
        self._handle = self._shut_out = -1
        self._place = self._size = self._heard = 0
        self._lost: set[Claimed] = set()
        self._claims: dict[Claimed, _Readers] = {}
        self._accepted: list[bytes] = []
        self._flushes = False

    def open(self) -> None:
        """Make the file and hold its lock until `close`, or until this process dies."""
        self._folder.mkdir(parents=True, exist_ok=True)
        while self._handle < 0:
            self._handle = _locked(self._path)
        others = _shut_out(self._path)
        self._shut_out = os.open(others, os.O_RDWR | os.O_CREAT, 0o600)
        self._grow()
        _write(self._handle, this_boot(), 0)
        os.fsync(self._handle)
        self.rewind()
        _sync_folder(self._folder)

    def close(self, *, keep: bool = False) -> None:
        """Let the file go. Unless something is in hand still, remove it as well."""
        if self._handle >= 0:
            if not keep:
                _unlink(self._path)
            os.close(self._handle)
            os.close(self._shut_out)
            self._handle = self._shut_out = -1

    def rewind(self) -> None:
        """Begin at the front again; to be called when no batch is in hand."""
        self._place = MARK.size
        self._claims.clear()

    def begin(self, batch_id: int, fence: int, subscriber_ids: Iterable[int]) -> None:
        """Say in which order the mails of a claim come."""
        self._claims[batch_id, fence] = _Readers(iter(subscriber_ids))

    def end(self, batch_id: int, fence: int) -> None:
        """Forget a claim; its marks stay."""
        self._claims.pop((batch_id, fence), None)

    def accept(self, batch_id: int, fence: int, subscriber_ids: Sequence[int]) -> None:
        """Note the accepted mails, so that they are not unknown if we die.

        It is written with the next marks, before the line that carried such a mail can
        carry another one: for each line, one mail at most is unknown if we die.
        """
        self._accepted += packed((batch_id, fence), ACCEPTED, subscriber_ids)
        if not self._flushes:
            self._flushes = True
            asyncio.get_running_loop().call_later(SOON, self._flush)

    def arm(self, batch_id: int, fence: int, subscriber_ids: Sequence[int]) -> None:
        """Mark mails that are about to be handed over.

        Raises Fenced if the batch is not ours any more, or nothing can be noted.
        """
        claimed = batch_id, fence
        readers = self._claims.setdefault(claimed, _Readers())
        ahead = readers.take(subscriber_ids)
        marks = packed(claimed, AHEAD, ahead) + packed(claimed, ARMED, subscriber_ids)
        try:
            self._keep(marks, sync=bool(ahead))
        except OSError as problem:
            readers.marked.difference_update(ahead)
            raise Fenced(f"nothing can be noted: {problem.strerror}") from problem
        if self._is_shut_out(claimed):
            raise Fenced(f"batch {batch_id} was taken over by another worker")

    def _flush(self) -> None:
        self._flushes = False
        if self._accepted:
            with suppress(OSError):
                self._keep([], sync=False)

    def _keep(self, marks: list[bytes], *, sync: bool) -> None:
        """Write marks, and before them what was accepted meanwhile."""
        accepted, self._accepted = self._accepted, []
        written = b"".join(accepted + marks)
        while self._place + len(written) > self._size:
            self._grow()
        _write(self._handle, written, self._place)
        if sync:
            os.fdatasync(self._handle)
        self._place += len(written)

    def _grow(self) -> None:
        """Write more of it ahead: while batches are in hand, marks are only added."""
        _write(self._handle, bytes(SIZE), self._size)
        os.fsync(self._handle)
        self._size += SIZE

    def _is_shut_out(self, claimed: Claimed) -> bool:
        size = os.lseek(self._shut_out, 0, os.SEEK_END)
        if size != self._heard:
            self._lost = set(CLAIM.iter_unpack(os.pread(self._shut_out, size, 0)))
            self._heard = size
        return claimed in self._lost


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
    path = _path(folder, worker)
    if not path.exists():
        return
    handle = os.open(_shut_out(path), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, CLAIM.pack(batch_id, fence))
        os.fsync(handle)
    finally:
        os.close(handle)


def read(
    folder: Path, worker: str, batch_id: int, fence: int
) -> tuple[list[int] | None, list[int]]:
    """Return the readers that a worker may have handed over in a claim, and the
    accepted.

    The first is None if its journal is not here. If the machine started again since,
    they are all those with a turn that had come or was to come soon.
    """
    try:
        marks = _path(folder, worker).read_bytes()
    except FileNotFoundError:
        return None, []
    claim = CLAIM.pack(batch_id, fence)
    same_boot = marks[: MARK.size] == this_boot()
    armed = found_in(marks, claim, ARMED if same_boot else AHEAD)
    return armed, found_in(marks, claim, ACCEPTED)


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
    _shut_out(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _path(folder: Path, worker: str) -> Path:
    return folder / worker.replace("/", "_")


def _shut_out(path: Path) -> Path:
    return Path(f"{path}{SHUT_OUT}")


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
