"""What a preflight says of a mail that is about to be approved."""

from dataclasses import dataclass
from enum import StrEnum


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
