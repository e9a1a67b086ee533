"""The embargo: until its time nobody outside sees a brief, by whatever way.

This is the one gate. Mail, web view, preview links, archive, feeds and digests ask it;
`StoredBrief.lifted` says the same as a condition on the table.
"""

from datetime import datetime

from flashmail.errors import WrongInput


class Embargoed(WrongInput):
    """It is too early: an embargo lies on this brief."""


def lifted(until: datetime | None, *, now: datetime) -> bool:
    """Return whether what is under an embargo until then may be seen outside now."""
    return until is None or now >= until


def require_lifted(until: datetime | None, *, at: datetime) -> None:
    """Raise Embargoed where something would go out before its embargo ends."""
    if until is not None and not lifted(until, now=at):
        raise Embargoed(
            f"this brief is under embargo until {until:%Y-%m-%d %H:%M} UTC:"
            " choose that time or a later one"
        )
