"""What a preflight says of a mail that is about to be approved."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class CheckLevel(StrEnum):
    """How it is: only WRONG keeps mail from being sent or believed."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"


@dataclass(frozen=True)
class Check:
    """What was found, in words; `remedy` is what to mend, empty where nothing is."""

    name: str
    verdict: CheckLevel
    found: str
    remedy: str = ""


def good(name: str, found: str) -> Check:
    return Check(name, CheckLevel.GOOD, found)


def doubtful(name: str, found: str, remedy: str) -> Check:
    return Check(name, CheckLevel.DOUBTFUL, found, remedy)


def wrong(name: str, found: str, remedy: str) -> Check:
    return Check(name, CheckLevel.WRONG, found, remedy)


class Level(StrEnum):
    """What a finding does: some stand in the way, some want a second look."""

    BLOCKS = "blocks"
    WARNS = "warns"


@dataclass(frozen=True, order=True)
class Finding:
    """Something to mend, or to think about, before a mail goes out.

    `code` names the rule and stays as it is from release to release; `message` says
    what to mend, `where` the line or the element, if it is about one.
    """

    level: Level
    code: str
    message: str
    where: str = ""

    @property
    def blocks(self) -> bool:
        return self.level is Level.BLOCKS

    def as_json(self) -> dict[str, str]:
        return {
            "level": self.level.value,
            "code": self.code,
            "message": self.message,
            "where": self.where,
        }


def blocking(code: str, message: str, where: str = "") -> Finding:
    return Finding(Level.BLOCKS, code, message, where)


def warning(code: str, message: str, where: str = "") -> Finding:
    return Finding(Level.WARNS, code, message, where)


@dataclass(frozen=True, order=True)
class TemplateProblem:
    """Something to mend (error) or to think about (warning); line 0 is the file."""

    severity: Literal["error", "warning"]
    file: str
    line: int
    message: str
