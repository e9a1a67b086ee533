"""One thing that was looked at, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How it is: only WRONG keeps mail from being sent or believed."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"


@dataclass(frozen=True)
class Check:
    """What was found, in words; `remedy` is what to mend, empty where nothing is."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""


def good(name: str, found: str) -> Check:
    return Check(name, Verdict.GOOD, found)


def doubtful(name: str, found: str, remedy: str) -> Check:
    return Check(name, Verdict.DOUBTFUL, found, remedy)


def wrong(name: str, found: str, remedy: str) -> Check:
    return Check(name, Verdict.WRONG, found, remedy)
