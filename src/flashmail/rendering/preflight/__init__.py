"""Preflight: what would go wrong with a mail, said before it is approved.

Pure: what has to be asked of tables and of other hosts is asked before, and handed in
as `Facts`.
"""

from collections.abc import Callable, Iterable

from flashmail.rendering.document import Document
from flashmail.rendering.errors import RenderError
from flashmail.rendering.finding import Finding, blocking
from flashmail.rendering.preflight import (
    circumstances,
    contrast,
    dates,
    mail,
    reading,
    spam,
    support,
    wording,
)
from flashmail.rendering.preflight.facts import Facts, LinkFact

__all__ = ["Facts", "Finding", "LinkFact", "examine"]

#: Each looks at one side of a mail.
RULES: tuple[Callable[[Facts, Document], Iterable[Finding]], ...] = (
    mail.requirement_findings,
    wording.wording_findings,
    dates.date_findings,
    circumstances.circumstance_findings,
    spam.spam_findings,
    reading.reading_findings,
    support.support_findings,
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
