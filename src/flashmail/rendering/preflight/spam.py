"""What spam filters and tired readers take amiss."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from flashmail.rendering.document import Document
from flashmail.rendering.finding import Finding, warning
from flashmail.rendering.preflight.facts import Facts

#: What phones show of a subject, and what tells too little.
LONGEST_SUBJECT, SHORTEST_SUBJECT, SHOWN = 70, 10, 40

#: Words in capitals at the most, of those long enough to be no abbreviation.
MOST_SHOUTED = 2
SHOUTED = re.compile(r"\b[A-Z]{5,}\b")

#: Words of text for each link, at least.
WORDS_PER_LINK = 15

#: Hide where a link leads, so they are in every filter's book.
SHORTENERS = (
    "bit.ly buff.ly cutt.ly goo.gl is.gd lnkd.in ow.ly rb.gy rebrand.ly shorturl.at"
    " t.co t.ly tiny.cc tinyurl.com v.gd"
)

LURES = re.compile(
    r"\b(?:act now|click here|100% free|risk[- ]free|limited time|winner|urgent reply"
    r"|congratulations you|buy now|order now|no obligation|make money|dear friend)\b",
    re.I,
)


def spam_findings(facts: Facts, document: Document) -> Iterator[Finding]:
    """Yield hints; none of them keeps a mail from going out."""
    yield from _subject(facts.message.subject)
    words = document.text
    if marks := facts.message.subject.count("!") + words.count("!!"):
        message = f"{marks} exclamation marks: a calm sentence is read sooner"
        yield warning("exclamation", message, "subject and text")
    if lure := LURES.search(words):
        where = facts.line(lure[0])
        yield warning("lure", f"{lure[0]!r} is what spam says: say it otherwise", where)
    yield from _links(facts, words)


def _subject(subject: str) -> Iterator[Finding]:
    if len(subject) > LONGEST_SUBJECT:
        message = f"the subject has {len(subject)} letters, phones show {SHOWN}: put"
        yield warning("subject-length", f"{message} what counts first", "subject")
    if len(subject) < SHORTEST_SUBJECT:
        yield warning("subject-length", "the subject says little", "subject")
    if len(SHOUTED.findall(subject)) > MOST_SHOUTED or subject.isupper():
        message = "the subject is in capitals: write it as a sentence"
        yield warning("shouting", message, "subject")


def _links(facts: Facts, words: str) -> Iterator[Finding]:
    for url in facts.destinations:
        host = (urlsplit(url).hostname or "").removeprefix("www.")
        if host in SHORTENERS.split():
            message = f"{host} hides where a link leads: use the address itself"
            yield warning("shortener", message, facts.line(url) or f"link {url[:120]}")
    count = len(words.split())
    if len(facts.destinations) > 3 and count < WORDS_PER_LINK * len(facts.destinations):
        message = f"{len(facts.destinations)} links in {count} words look like spam"
        yield warning("link-ratio", f"{message}: leave some out", "text")
