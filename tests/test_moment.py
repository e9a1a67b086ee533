"""Moments: a time of day somewhere, as people write it."""

import pytest

from flashmail.briefs.dates import parse_moment
from flashmail.errors import WrongInput
from office import NOON


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2027-03-01T09:00+01:00", "2027-03-01T08:00:00+00:00"),
        ("2027-03-01T09:00Z", "2027-03-01T09:00:00+00:00"),
        ("2027-03-01 09:00 Europe/Paris", "2027-03-01T08:00:00+00:00"),
        ("2027-07-01 09:00 Europe/Paris", "2027-07-01T07:00:00+00:00"),
        # 02:30 comes twice when the clocks go back: the first is meant.
        ("2026-10-25 02:30 Europe/Paris", "2026-10-25T00:30:00+00:00"),
    ],
)
def test_a_moment_is_read(written: str, meant: str) -> None:
    assert parse_moment(written, now=NOON).isoformat() == meant


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("2027-03-01T09:00", "needs a time zone"),
        ("tomorrow", "is no time"),
        ("", "is no time"),
        ("2027-03-01 09:00 Mars/Olympus", "no time zone"),
        ("2027-03-28 02:30 Europe/Paris", "does not exist"),
        ("2020-03-01T09:00Z", "past already"),
    ],
)
def test_what_is_no_moment_is_refused(written: str, complaint: str) -> None:
    with pytest.raises(WrongInput, match=complaint):
        parse_moment(written, now=NOON)
