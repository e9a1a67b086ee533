"""Related reading: a line with a title, its authors, perhaps an address."""

import re

from flashmail.briefs import marks, names
from flashmail.briefs.brief import Related

#: No title with its authors is longer.
LONGEST_RELATED = 500
LONGEST_TITLE = 200

#: "Jr." ends a name; a longer word with a full stop ends a sentence.
LONGEST_ABBREVIATION = 4

LINKED = re.compile(r"\[(?P<text>[^\[\]]+)\]\((?P<url>https?://[^\s()]+)\)")
ADDRESS = re.compile(r"\s?[(<]?(?P<url>https?://[^\s<>()]+)[)>]?$", re.IGNORECASE)
BY_AFTER_MARK = re.compile(rf"[{marks.MARKS}’']\s?,?\s?by:?\s", re.IGNORECASE)
BY = re.compile(r"(?:,\s?|\s)by:?\s", re.IGNORECASE)


def read_related(text: str, *, strict: bool) -> Related | None:
    """Read 'Title” by Author', or return None if the line is nothing like it.

    Strict is what stands anywhere: a quote mark, 'by', and names. Else the mark may be
    missing, and so may 'by' where the whole line is quoted or links somewhere.
    """
    if len(text) > LONGEST_RELATED:
        return None
    line, url = _without_address(text)
    for pattern in (BY_AFTER_MARK,) if strict else (BY_AFTER_MARK, BY):
        if found := _cut_title_at(pattern, line, url):
            return found
    return None if strict else _without_authors(line, url)


def clean_title(text: str) -> str:
    """Return a title without quotes around it or a comma after it."""
    title = text.strip().rstrip(",").strip()
    if title[-1:] in ("’", "'") and title[:1] not in ("‘", "'"):
        return title
    return marks.bare(title).rstrip(",").strip()


def _cut_title_at(pattern: re.Pattern[str], line: str, url: str) -> Related | None:
    for match in reversed(list(pattern.finditer(line))):
        authors = names.people(line[match.end() :])
        title = clean_title(line[: match.start() + 1])
        if title and _are_authors(authors):
            return Related(title, authors, url)
    return None


def _are_authors(authors: tuple[str, ...]) -> bool:
    """Say whether these are people, and not the end of a sentence."""
    last = authors[-1].split()[-1] if authors else ""
    sentence = last.endswith(".") and len(last) > LONGEST_ABBREVIATION
    return bool(authors) and not sentence and all(map(names.is_person, authors))


def _without_authors(line: str, url: str) -> Related | None:
    """Read what is quoted, or linked, as a whole; a sentence is something else."""
    title = clean_title(line)
    quoted = marks.opens(line) and marks.closes(line) and title
    if not (quoted or url) or len(line) > LONGEST_TITLE or title.endswith("."):
        return None
    return Related(title or url, (), url)


def _without_address(text: str) -> tuple[str, str]:
    if linked := LINKED.search(text):
        line = text[: linked.start()] + linked["text"] + text[linked.end() :]
        return line, linked["url"]
    if address := ADDRESS.search(text):
        return text[: address.start()].rstrip(), address["url"]
    return text, ""
