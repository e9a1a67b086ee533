"""Something to fill templates with, to see whether they hold together."""

from datetime import date

from flashmail.briefs.brief import Brief, Quote, Related, Section, SectionKind
from flashmail.rendering.kinds import Kind

RICH = Brief(
    title="Ministers Agree on “Open Rivers” & Shared Gauges",
    date=date(2026, 3, 17),
    sections=(
        Section(
            "Latest Developments",
            SectionKind.LATEST,
            (
                "Ministers of three countries agreed on March 16 to share the readings "
                "of **all** gauges along the river. The [text](https://example.org/a) "
                "is short.",
                "- Readings are exchanged every hour.",
                "- Alarms go to all three capitals at once.",
            ),
        ),
        Section("Expert Analysis", SectionKind.ANALYSIS),
        Section("Years of Talks", SectionKind.BACKGROUND, ("Talks began in 2011.",)),
    ),
    quotes=(
        Quote("What counts is *who* reads them.\nAnd when.", "Ana Ruiz", "Fellow"),
        Quote("It is a beginning.", "Tom O’Hara"),
    ),
    related=(
        Related("Who Owns a River", ("Ana Ruiz", "Li Wei"), "https://example.org/b"),
        Related("Gauges"),
    ),
    topics=("Rivers", "Energy & Water"),
)

#: As little as a brief can be.
BARE = Brief(title="Borders Reopen", date=date(2026, 3, 18))


def orders(kind: Kind) -> list[tuple[Brief | None, dict[str, object]]]:
    """Return what templates of a kind have to bear: much, and hardly anything."""
    ample: dict[str, object] = {
        "briefs": (RICH, BARE),
        "groups": (
            {
                "topic": "Rivers",
                "briefs": (RICH,),
                "links": ("https://example.org/archive/1/rivers",),
            },
            {"topic": "", "briefs": (BARE,), "links": ("",)},
        ),
        "frequency": "weekly",
        "period": "March 16 to 22",
        "correction": "The readings are shared **daily**, not hourly.\n\nWe regret it.",
        "retraction": "We can **not** confirm that an agreement was signed.",
        "confirm_url": "https://example.org/confirm/0a",
        "never_url": "https://example.org/never/0a",
    }
    extra = {name: ample[name] for name in kind.extra}
    if kind.needs_brief:
        return [(RICH, extra), (BARE, extra)]
    return [(RICH, extra), (None, extra)]
