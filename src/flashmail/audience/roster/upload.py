"""Uploads: files that somebody wants to bring in, kept until that is done.

Each has a folder of its own with a name that nobody guesses: the file as it came, and
the rows that were not taken.
"""

import re
import secrets
import shutil
from datetime import datetime, timedelta
from pathlib import Path, PurePath
from typing import BinaryIO

from flashmail.errors import WrongInput

#: A million people with a dozen columns are some 200 MB.
SIZE_LIMIT = 500_000_000
UPLOAD_CHUNK = 1 << 20

#: An upload that nobody came back to goes after so long.
KEPT = timedelta(days=7)

KEY = re.compile(r"[A-Za-z0-9_-]{22}")
NAME_LIMIT = 100
REJECTED = "rejected.csv"


class NoSuchUpload(WrongInput):
    """There is no such upload, or not any more."""


def keep(folder: Path, name: str, file: BinaryIO, *, now: datetime) -> str:
    """Keep a file under its name; return the key by which it is found again."""
    sweep(folder, now=now)
    key = secrets.token_urlsafe(16)
    inside = folder / key / "file"
    inside.mkdir(parents=True, mode=0o700)
    size = 0
    with (inside / plain(name)).open("wb") as out:
        while chunk := file.read(UPLOAD_CHUNK):
            size += len(chunk)
            if size > SIZE_LIMIT:
                break
            out.write(chunk)
    if not 0 < size <= SIZE_LIMIT:
        drop(folder, key)
        raise WrongInput(
            "the file is empty"
            if not size
            else f"a file has at most {SIZE_LIMIT // 1_000_000} MB: split it"
        )
    return key


def file_of(folder: Path, key: str) -> Path:
    """Return the file of an upload."""
    if KEY.fullmatch(key):
        for file in sorted((folder / key / "file").glob("*")):
            return file
    raise NoSuchUpload("this upload is gone: please upload the file again")


def rejected_of(folder: Path, key: str) -> Path:
    """Return where the rows that were not taken are written to."""
    return file_of(folder, key).parents[1] / REJECTED


def drop(folder: Path, key: str) -> None:
    """Forget an upload."""
    if KEY.fullmatch(key):
        shutil.rmtree(folder / key, ignore_errors=True)


def sweep(folder: Path, *, now: datetime) -> None:
    """Forget uploads that nobody came back to."""
    if not folder.exists():
        return
    for each in folder.iterdir():
        old = now.timestamp() - each.stat().st_mtime > KEPT.total_seconds()
        if KEY.fullmatch(each.name) and old:
            drop(folder, each.name)


def plain(name: str) -> str:
    """Return a file's name without what means something to a file system.

    The name says something to who reads it (who left is in a file called so), so it
    stays as far as it can.
    """
    last = PurePath(name.replace("\\", "/")).name
    return re.sub(r"[^\w. ()+-]", "_", last).strip(". ")[-NAME_LIMIT:] or "upload.csv"
