"""Quotes: by whose words somebody stands, and for which a file's sender answers."""

from sqlmodel import Session, col, or_, select

from flashmail import briefs
from flashmail.briefs import Brief, BriefError
from flashmail.model import BriefDraft, QuoteApproval

#: Among so many of the latest drafts the same words are looked for.
QUOTES_LOOKED_AT = 100


def approved(session: Session, brief: Brief | None) -> frozenset[str]:
    """Return the quotes that somebody approved, by their digests."""
    digests = [quote.digest for quote in brief.quotes] if brief else []
    known = select(QuoteApproval.digest).where(col(QuoteApproval.digest).in_(digests))
    return frozenset(session.exec(known))


def answered_for(session: Session, brief: Brief | None) -> frozenset[str]:
    """Return the quotes for which whoever sends a file answers.

    A file has no place in which an approval is noted. What is written here as well has
    one: the words in a draft wait for it, and a file does not get around that.
    """
    quotes = brief.quotes if brief else ()
    people = [quote.person for quote in quotes if quote.person]
    return frozenset(quote.digest for quote in quotes) - _in_drafts(session, people)


def _in_drafts(session: Session, people: list[str]) -> frozenset[str]:
    """Return the quotes in drafts that name one of these people."""
    named = [
        col(BriefDraft.markdown).contains(each, autoescape=True) for each in people
    ]
    if not named:
        return frozenset()
    texts = session.exec(
        select(BriefDraft.markdown)
        .where(col(BriefDraft.discarded_at).is_(None), or_(*named))
        .order_by(col(BriefDraft.changed_at).desc())
        .limit(QUOTES_LOOKED_AT)
    )
    return frozenset(digest for text in texts for digest in _digests(text))


def _digests(markdown: str) -> list[str]:
    try:
        return [quote.digest for quote in briefs.read(markdown).quotes]
    except BriefError:
        return []
