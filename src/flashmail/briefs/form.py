"""A brief as plain values, for programs."""

from typing import Any

from flashmail.briefs.brief import Brief, Related


def as_json(brief: Brief) -> dict[str, Any]:
    """Return what `--json` shows; doubts are called warnings there."""
    embargo = {"embargo": brief.embargo.isoformat()} if brief.embargo else {}
    return {
        "title": brief.title,
        "date": brief.date.isoformat(),
        **embargo,
        "sections": [
            {
                "heading": section.heading,
                "kind": section.kind.value,
                "paragraphs": list(section.paragraphs),
            }
            for section in brief.sections
        ],
        "quotes": [
            {"text": quote.text, "person": quote.person, "role": quote.role}
            for quote in brief.quotes
        ],
        "related": [related_as_json(related) for related in brief.related],
        "topics": list(brief.topics),
        "warnings": [
            {"line": doubt.line, "message": doubt.message} for doubt in brief.doubts
        ],
    }


def related_as_json(related: Related) -> dict[str, Any]:
    """Return a related reading; one that has no address says nothing of it."""
    address = {"url": related.url} if related.url else {}
    return {"title": related.title, "authors": list(related.authors), **address}
