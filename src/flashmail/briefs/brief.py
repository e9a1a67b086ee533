"""The brief: what an editor wrote, as a value."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class SectionKind(StrEnum):
    """What a section is for; the heading that readers see is its own."""

    LATEST = "latest"
    ANALYSIS = "analysis"
    BACKGROUND = "background"
    OTHER = "other"


@dataclass(frozen=True)
class Section:
    """A heading and its paragraphs.

    A paragraph is one line of inline Markdown (links, emphasis, strong). One that
    begins with "- " is an item of a bullet list.
    """

    heading: str
    kind: SectionKind
    paragraphs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quote:
    """An expert's words, without the marks around them, and who said them."""

    text: str
    person: str
    role: str = ""

    @property
    def digest(self) -> str:
        """The SHA-256 of words, person and role: what an approval of it binds.

        Spaces and ends of lines make no difference.
        """
        said = json.dumps([" ".join(self.text.split()), self.person, self.role])
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True)
class Related:
    """Something else to read."""

    title: str
    authors: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True)
class Doubt:
    """Something read that may have been meant otherwise; line 0 is the whole."""

    line: int
    message: str


@dataclass(frozen=True)
class Brief:
    """A Flash Brief, immutable. Doubts say what an editor should look at.

    `embargo` is the moment, in UTC, before which nobody outside may see it.
    """

    title: str
    date: date
    sections: tuple[Section, ...] = ()
    quotes: tuple[Quote, ...] = ()
    related: tuple[Related, ...] = ()
    topics: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    embargo: datetime | None = None
