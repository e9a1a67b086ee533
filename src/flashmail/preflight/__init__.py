"""Preflight: what would go wrong with a mail, said before it is approved.

Pure: what has to be asked of tables and of other hosts is asked before, and handed in
as `Facts`.
"""

from collections.abc import Callable, Iterable

from flashmail.errors import RenderError
from flashmail.findings import Finding, blocking
from flashmail.preflight import (
    circumstances,
    client_support,
    contrast,
    requirements,
    wording,
)
from flashmail.preflight import circumstances as reading
from flashmail.preflight import wording as dates
from flashmail.preflight import wording as spam
from flashmail.preflight.facts import Facts, LinkFact
from flashmail.rendering.html import Document

__all__ = ["Facts", "Finding", "LinkFact", "examine"]

#: Each looks at one side of a mail.
RULES: tuple[Callable[[Facts, Document], Iterable[Finding]], ...] = (
    requirements.requirement_findings,
    wording.wording_findings,
    dates.date_findings,
    circumstances.circumstance_findings,
    spam.spam_findings,
    reading.reading_findings,
    client_support.support_findings,
    contrast.contrast_findings,
)


def examine(facts: Facts) -> tuple[Finding, ...]:
    """Return all that is to be mended or thought about; what blocks comes first."""
    try:
        document = Document(facts.message.html)
    except RenderError as error:
        return (blocking("unfit", f"{error.message}: take it out"),)
    found = {each for rule in RULES for each in rule(facts, document)}
    return tuple(sorted(found))
