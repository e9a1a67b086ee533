"""How long it takes to read."""

import math
from collections.abc import Iterator

from flashmail.rendering.document import Document
from flashmail.rendering.finding import Finding, warning
from flashmail.rendering.preflight.facts import Facts

#: Words a minute; adults read 200 to 260 of non-fiction in English (Brysbaert 2019).
SPEED = 238

#: A flash brief is read between two meetings.
LONGEST = 5


def reading_findings(facts: Facts, document: Document) -> Iterator[Finding]:
    """Yield a word when the mail is longer than its readers' time."""
    minutes = math.ceil(len(document.text.split()) / SPEED)
    if minutes > LONGEST:
        message = f"it takes {minutes} minutes to read; {LONGEST} is long for a brief"
        yield warning("reading-time", f"{message}: shorten it", "text")
