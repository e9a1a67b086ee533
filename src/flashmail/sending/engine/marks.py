"""Marks: what a journal's file is made of, after the boot that it begins with."""

import uuid
from collections.abc import Iterable
from pathlib import Path
from struct import Struct

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
        # Who cannot tell takes every start of a worker for one.
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
