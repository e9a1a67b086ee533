"""Words that were to be replaced before anybody reads them."""

import re
from collections.abc import Iterator
from itertools import islice

from flashmail.rendering.document import Document
from flashmail.rendering.finding import Finding, blocking
from flashmail.rendering.preflight.facts import Facts

#: Each finds what an editor put there for the time being. Linear on purpose.
UNFINISHED = (
    re.compile(r"\bTK(?:TK)*\b"),
    re.compile(r"\blorem ipsum\b|\bdolor sit amet\b", re.I),
    re.compile(r"\bXXX+\b|\bXX(?= (?:percent|%|million|billion|people|days|years))"),
    re.compile(r"\b(?:TBD|TBC|TODO|FIXME)\b"),
    re.compile(r"\?\?\?+"),
    re.compile(
        r"\[(?:insert|add|fill|check|name|date|quote|link|title|role|tk|placeholder)"
        r"\b[^\[\]\n]{0,80}\](?!\()",
        re.I,
    ),
    re.compile(
        r"\b(?:placeholder (?:text|title|quote)|(?:head|dead)line here)\b", re.I
    ),
    re.compile(r"\b(?:your (?:text|title) here)\b", re.I),
)

#: Merge fields of other systems, and our own where no template fills them.
FOREIGN_FIELD = re.compile(
    r"\{\{[^{}\n]{1,60}\}\}|\*\|[A-Z][A-Z0-9_:]{0,40}\|\*|%%[A-Za-z_]{1,40}%%"
    r"|\[\[[A-Za-z_]{1,40}\]\]|\$\{[A-Za-z_.]{1,40}\}"
    r"|<%[^%<>\n]{1,60}%>|\[(?:FNAME|FIRSTNAME|FIRST NAME|UNSUBSCRIBE)\]"
)

MOST = 20


def wording_findings(facts: Facts, document: Document) -> Iterator[Finding]:
    """Yield what was left to be filled in, once for each place."""
    seen: set[tuple[str, str]] = set()
    for where, text in _texts(facts):
        for code, word in islice(_left(text), MOST):
            if (code, word) in seen:
                continue
            seen.add((code, word))
            yield blocking(code, _mend(code, word), where)


def _texts(facts: Facts) -> Iterator[tuple[str, str]]:
    """Return each text under the name of its place: lines of the brief come first."""
    for number, line in enumerate(facts.markdown.split("\n"), 1):
        yield f"line {number}", line
    yield "subject", facts.message.subject
    yield "text", facts.message.text


def _left(text: str) -> Iterator[tuple[str, str]]:
    for pattern in UNFINISHED:
        for match in pattern.finditer(text):
            yield "placeholder", match[0]
    for match in FOREIGN_FIELD.finditer(text):
        yield "merge-field", match[0]


def _mend(code: str, word: str) -> str:
    if code == "placeholder":
        return f"{word!r} is still to be replaced by the real words"
    return f"{word!r} is no field that flashmail fills: write what is meant"
