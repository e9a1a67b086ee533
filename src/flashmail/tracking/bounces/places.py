"""Where mail that came back lies: files, folders, Maildirs."""

from collections.abc import Iterator
from pathlib import Path

from flashmail.errors import WrongInput
from flashmail.tracking.bounces.mail import LARGEST

#: A Maildir's folders of whole mails: what lies in tmp is still being written.
NEW, CUR, TMP = "new", "cur", "tmp"


def files(path: Path) -> Iterator[Path]:
    """Yield the mails at a path, in the order of their names."""
    if path.is_file():
        yield path
    elif is_maildir(path):
        yield from _mails(path / NEW)
        yield from _mails(path / CUR)
    elif path.is_dir():
        yield from _mails(path)
    else:
        raise WrongInput(f"{path}: there is no such file or folder")


def is_maildir(path: Path) -> bool:
    return (path / NEW).is_dir() or (path / CUR).is_dir()


def content(path: Path) -> bytes:
    """Return a mail, as far as it is looked at."""
    with path.open("rb") as file:
        return file.read(LARGEST)


def seen(path: Path) -> None:
    """Move a mail that is new in a Maildir to those that were seen."""
    cur = path.parent.parent / CUR
    if path.parent.name == NEW and cur.is_dir():
        flags = "" if ":2," in path.name else ":2,S"
        path.rename(cur / f"{path.name}{flags}")


def _mails(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        elif path.name != TMP and path.is_dir():
            yield from files(path)
