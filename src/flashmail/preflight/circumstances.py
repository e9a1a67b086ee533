"""What a mail cannot tell of itself: its audience, time, sender, and how often."""

import math
from collections.abc import Iterator
from email.utils import parseaddr

from flashmail.findings import Finding, blocking, warning
from flashmail.preflight.facts import Facts
from flashmail.rendering.html import Document

#: From how many times the usual audience on somebody has to look.
UNUSUAL = 3

#: Fewer people than these are no surprise, whatever is usual.
SMALL = 50

#: More urgent mails than these in a month, and none is urgent any more.
URGENT_A_MONTH = 4

#: Domains that say that mail under their name comes from them alone (DMARC), so that
#: what others send as theirs is thrown away.
FREE_MAIL = (
    "aol.com fastmail.com gmail.com gmx.com gmx.de gmx.net googlemail.com hotmail.com"
    " icloud.com live.com mac.com mail.com mail.ru me.com msn.com outlook.com"
    " pm.me proton.me protonmail.com qq.com rocketmail.com web.de yahoo.com"
    " yahoo.co.uk yahoo.fr yandex.com yandex.ru ymail.com zoho.com 163.com"
)


def circumstance_findings(facts: Facts, document: Document) -> Iterator[Finding]:
    """Yield what stands against sending this now, to these, from this address."""
    yield from _quotes(facts)
    yield from _embargo(facts)
    yield from _audience(facts)
    yield from _sender(facts)
    yield from _again(facts)


def _quotes(facts: Facts) -> Iterator[Finding]:
    for quote in facts.brief.quotes if facts.brief else ():
        where = facts.line(quote.text.split("\n")[0][:60]) or "quotes"
        who = quote.person or "nobody"
        if not quote.person:
            message = f"“{quote.text[:40]}…” has no name: say who said it"
            yield blocking("unnamed-quote", message, where)
        elif quote.content_hash in facts.approved_quotes:
            continue
        elif quote.content_hash in facts.answered_for:
            message = f"the words of {who} are approved by nobody here: you answer for"
            yield warning("unapproved-quote", f"{message} them", where)
        else:
            message = f"the words of {who} are approved by nobody: have them approved"
            yield blocking("unapproved-quote", message, where)


def _embargo(facts: Facts) -> Iterator[Finding]:
    until = facts.embargo_until
    if until is not None and until > facts.moment:
        message = (
            f"the embargo holds until {until:%Y-%m-%d %H:%M} UTC, and it would leave at"
            f" {facts.moment:%Y-%m-%d %H:%M} UTC: send it after that"
        )
        yield blocking("embargo", message, facts.line("embargo: "))


def _audience(facts: Facts) -> Iterator[Finding]:
    for name in sorted(facts.segment_asks & facts.unknown_attributes):
        message = (
            f"no subscriber has the attribute {name!r}, which the segment goes by: mend"
            " its name, or bring it in"
        )
        yield blocking("attribute", message, "segment")
    people, usual = facts.audience, facts.usual
    if people == 0:
        yield blocking("nobody", "nobody would get it: look at topics and segment")
    elif people and usual and people > SMALL and people >= UNUSUAL * usual:
        message = (
            f"it goes to {people:,} people, {people / usual:.1f} times the usual"
            f" {usual:,}: look at topics and segment"
        )
        yield blocking("audience", message, "audience")


def is_free_mail(domain: str) -> bool:
    """Whether mail in this domain's name is believed from its provider alone."""
    return domain.lower() in FREE_MAIL.split()


def _sender(facts: Facts) -> Iterator[Finding]:
    domain = parseaddr(facts.sender)[1].rpartition("@")[2].lower()
    if is_free_mail(domain):
        message = (
            f"mail from an address at {domain} is thrown away unless {domain} sends it:"
            " set FLASHMAIL_SENDER to an address of your own domain"
        )
        yield blocking("free-mail", message, "From")


def _again(facts: Facts) -> Iterator[Finding]:
    if facts.sent_before:
        numbers = ", ".join(map(str, facts.sent_before))
        yield warning("sent-before", f"this very brief is campaign {numbers} already")
    if facts.urgent and facts.urgent_this_month >= URGENT_A_MONTH:
        message = (
            f"{facts.urgent_this_month} urgent mails went out within 30 days: readers"
            " leave when everything is urgent"
        )
        yield warning("urgent", message)


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
