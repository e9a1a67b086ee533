"""Stand-ins: words for marks, since the MJML compiler refuses control characters."""

import re
from collections.abc import Sequence
from hashlib import blake2s

from flashmail.message import MARK, mark


def stem_of(text: str) -> str:
    """Return the beginning of a job's stand-ins.

    It is made from all that goes into the job, so none of that can contain it, and
    the same job gives the same mail to the last byte: approval hangs on that.
    """
    return "fm" + blake2s(text.encode(), digest_size=10).hexdigest()


def stand_in(stem: str, kind: str, number: int) -> str:
    """Return the word for a field (kind f) or for a mark within a link (kind l)."""
    return f"{stem}{kind}{number}z"


def word_of(stem: str) -> re.Pattern[str]:
    """Match each of a job's stand-ins."""
    return re.compile(rf"{stem}([fl])(\d+)z")


class Marks:
    """Takes the marks out of addresses, and puts all marks in at the end."""

    def __init__(self, stem: str) -> None:
        self._stem = stem
        self._marks: list[str] = []

    def unmarked(self, address: str) -> str:
        """Return an address with a word in place of each of its marks."""

        def word(match: re.Match[str]) -> str:
            self._marks.append(match[0])
            return stand_in(self._stem, "l", len(self._marks) - 1)

        return MARK.sub(word, address)

    def marked(self, page: str, calls: Sequence[Sequence[str]]) -> str:
        """Return a page with its marks in place of their words."""

        def put(match: re.Match[str]) -> str:
            number = int(match[2])
            return self._marks[number] if match[1] == "l" else mark(*calls[number])

        return word_of(self._stem).sub(put, page)
