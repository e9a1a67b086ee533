"""The door: bytes or text of either form in, a Brief or a BriefError out."""

from collections.abc import Collection
from dataclasses import replace

from flashmail.briefs.brief import (
    Brief,
    ParseWarning,
    Quote,
    Related,
    Section,
    SectionKind,
    as_json,
)
from flashmail.briefs.decoding import decode
from flashmail.briefs.markdown import is_markdown, read_markdown, write_markdown
from flashmail.briefs.published import read_published
from flashmail.briefs.topic_tags import Vocabulary
from flashmail.errors import BriefError


def read(
    data: bytes | str, *, topics: Collection[str] = (), name: str = "brief"
) -> Brief:
    """Read a brief, as published or as Markdown that begins with '---'.

    `topics` are the names that a run of tags is cut by; `name` is what a BriefError
    calls the brief.
    """
    vocabulary = Vocabulary(topics)
    try:
        text, doubts = decode(data)
        form = read_markdown if is_markdown(text) else read_published
        brief = form(text, vocabulary)
    except BriefError as error:
        raise BriefError(f"{name}: {error}") from error
    ordered = sorted((*doubts, *brief.doubts), key=lambda doubt: doubt.line)
    return replace(brief, doubts=tuple(ordered))


__all__ = [
    "Brief",
    "BriefError",
    "ParseWarning",
    "Quote",
    "Related",
    "Section",
    "SectionKind",
    "as_json",
    "read",
    "write_markdown",
]
