"""The brief: what an editor wrote, as a value."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from flashmail.errors import WrongInput


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
    """An expert's words, without the marks around them, with person and role."""

    text: str
    person: str
    role: str = ""

    @property
    def content_hash(self) -> str:
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
class ParseWarning:
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
    doubts: tuple[ParseWarning, ...] = ()
    embargo: datetime | None = None


class Embargoed(WrongInput):
    """It is too early: an embargo lies on this brief."""


def lifted(until: datetime | None, *, now: datetime) -> bool:
    """Return whether what is under an embargo until then may be seen outside now."""
    return until is None or now >= until


def require_lifted(until: datetime | None, *, at: datetime) -> None:
    """Raise Embargoed where something would go out before its embargo ends."""
    if until is not None and not lifted(until, now=at):
        raise Embargoed(
            f"this brief is under embargo until {until:%Y-%m-%d %H:%M} UTC:"
            " choose that time or a later one"
        )


def as_json(brief: Brief) -> dict[str, Any]:
    """Return what `--json` shows; doubts are called warnings there."""
    embargo = {"embargo": brief.embargo.isoformat()} if brief.embargo else {}
    return {
        "title": brief.title,
        "date": brief.date.isoformat(),
        **embargo,
        "sections": [
            {
                "heading": section.heading,
                "kind": section.kind.value,
                "paragraphs": list(section.paragraphs),
            }
            for section in brief.sections
        ],
        "quotes": [
            {"text": quote.text, "person": quote.person, "role": quote.role}
            for quote in brief.quotes
        ],
        "related": [related_as_json(related) for related in brief.related],
        "topics": list(brief.topics),
        "warnings": [
            {"line": doubt.line, "message": doubt.message} for doubt in brief.doubts
        ],
    }


def related_as_json(related: Related) -> dict[str, Any]:
    """Return a related reading; one that has no address says nothing of it."""
    address = {"url": related.url} if related.url else {}
    return {"title": related.title, "authors": list(related.authors), **address}
