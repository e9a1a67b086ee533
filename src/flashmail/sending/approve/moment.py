"""When something is to be sent: a moment that is yet to come."""

from datetime import datetime

from flashmail.briefs.moment import read_moment
from flashmail.errors import WrongInput


def parse_moment(text: str, *, now: datetime) -> datetime:
    """Return the moment in UTC; a zone is required, and a time yet to come."""
    moment = read_moment(text)
    if moment <= now:
        raise WrongInput(f"{text!r} is past already")
    return moment
