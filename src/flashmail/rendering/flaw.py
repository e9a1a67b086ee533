"""What a check of templates says."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, order=True)
class Flaw:
    """Something to mend (error) or to think about (warning); line 0 is the file."""

    severity: Literal["error", "warning"]
    file: str
    line: int
    message: str
