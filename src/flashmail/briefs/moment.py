"""Moments as people write them: a time of day somewhere."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flashmail.errors import WrongInput

EXAMPLES = "2027-03-01T09:00+01:00 or '2027-03-01 09:00 Europe/Paris'"


def read_moment(text: str) -> datetime:
    """Return the moment in UTC; a zone is required.

    A time of day that a change of clocks leaves out is refused; of one that comes
    twice, the first is meant.
    """
    words = text.strip().split()
    zone = _zone(words.pop()) if words and words[-1][:1].isalpha() else None
    try:
        moment = datetime.fromisoformat(" ".join(words))
    except ValueError:
        raise WrongInput(f"{text!r} is no time; write it as {EXAMPLES}") from None
    if zone is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    if moment.tzinfo is None:
        raise WrongInput(f"{text!r} needs a time zone, as in {EXAMPLES}")
    return _in_utc(moment, text)


def _in_utc(moment: datetime, text: str) -> datetime:
    try:
        there = moment.astimezone(UTC)
        back = there.astimezone(moment.tzinfo)
    except OverflowError:
        raise WrongInput(f"{text!r} is beyond every calendar") from None
    if back.replace(tzinfo=None) != moment.replace(tzinfo=None):
        raise WrongInput(f"{text!r} does not exist: the clocks are put forward then")
    return there


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongInput(f"{name!r} is no time zone; one is Europe/Paris") from None
