"""The door: bytes or text of either form in, a Brief or a BriefError out."""

from collections.abc import Collection
from dataclasses import replace

from flashmail.briefs.brief import Brief
from flashmail.briefs.decode import decode
from flashmail.briefs.errors import BriefError
from flashmail.briefs.markdown_reader import is_markdown, read_markdown
from flashmail.briefs.published import read_published
from flashmail.briefs.topics import Vocabulary


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
