"""A zip of rosters, as providers hand them out: unpacked under limits, one by one.

What a zip says about itself is not believed: bytes are counted as they come out.
"""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from flashmail.errors import WrongInput

#: Bytes of one member and of all, and how many a packed byte may become: a million
#: readers are some 100 MB, and packing makes text as even as theirs ten times smaller.
LARGEST, LARGEST_ALL, RATIO = 1 << 30, 2 << 30, 200

#: So much is unpacked whatever the ratio, as small things shrink oddly.
INNOCENT = 1 << 20

MOST_MEMBERS = 20_000
CHUNK = 1 << 20
LISTS = frozenset({".csv", ".tsv", ".txt"})


class Member(NamedTuple):
    """A member that may be a list of people: its name in the zip, and a copy of it."""

    name: str
    path: Path


def is_archive(path: Path) -> bool:
    """Return whether a file is a zip; one that only seems so is not."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04" and zipfile.is_zipfile(file)
    except OSError:
        return False


def unpack(path: Path, folder: Path) -> Iterator[Member]:
    """Copy the lists of a zip into a folder, under names of our own.

    Raises WrongInput for a bomb, a locked or broken zip, and an Excel workbook.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _members(archive, folder)
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError) as problem:
        raise WrongInput(f"this zip cannot be read: {problem}") from None


def _members(archive: zipfile.ZipFile, folder: Path) -> Iterator[Member]:
    infos = archive.infolist()
    if any(info.filename == "[Content_Types].xml" for info in infos):
        raise WrongInput("this is an Excel workbook: save it as CSV")
    if len(infos) > MOST_MEMBERS:
        raise WrongInput(f"a zip of rosters has at most {MOST_MEMBERS:,} members")
    total = 0
    for number, info in enumerate(filter(_is_list, infos)):
        if info.flag_bits & 1:
            raise WrongInput("this zip is locked by a password: unlock it first")
        copy = folder / f"{number}.csv"
        total += _copy(archive, info, copy)
        if total > LARGEST_ALL:
            raise WrongInput("this zip holds more than any list of people")
        yield Member(_printable(info.filename), copy)


def _is_list(info: zipfile.ZipInfo) -> bool:
    place = PurePosixPath(info.filename)
    hidden = place.name.startswith(".") or "__MACOSX" in place.parts
    link = stat.S_ISLNK(info.external_attr >> 16)
    lists = place.suffix.lower() in LISTS
    return lists and not (info.is_dir() or hidden or link)


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> int:
    limit = min(LARGEST, max(INNOCENT, RATIO * info.compress_size))
    size = 0
    with archive.open(info) as packed, target.open("wb") as copy:
        while chunk := packed.read(CHUNK):
            size += len(chunk)
            if size > limit:
                raise WrongInput(
                    f"{_printable(info.filename)} becomes so large when unpacked that"
                    " it is no list of people"
                )
            copy.write(chunk)
    return size


def _printable(name: str) -> str:
    return "".join(c for c in name if c.isprintable())[-200:]
