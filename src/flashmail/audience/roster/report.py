"""What an import did, row by row, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flashmail.audience.roster.notes import Notes
from flashmail.model import SubscriberStatus

#: So many problems are kept with their words; all are counted.
PROBLEMS_KEPT = 1_000


@dataclass(frozen=True)
class Problem:
    """Why a row was rejected; `row` is its line in the file, the header being 1."""

    file: str
    row: int
    message: str


@dataclass(frozen=True)
class ImportReport:
    """How many rows there were, and what became of each.

    `kept_out` are rows that would have mailed somebody who unsubscribed, bounced or
    complained: they stay as they are. `by_status` says how the people of all rows but
    the rejected ones stand afterwards. `formats` says what each file was taken for, and
    `notes` what stopped no row but should be known.
    """

    rows: int
    added: int
    updated: int
    unchanged: int
    rejected: int
    kept_out: int
    by_status: dict[str, int]
    problems: tuple[Problem, ...]
    formats: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "problems": [vars(each) for each in self.problems]}


@dataclass
class Tally:
    """The report while it grows."""

    outcomes: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys((s.value for s in SubscriberStatus), 0)
    )
    rejected: int = 0
    formats: dict[str, str] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)
    aside: list[str] = field(default_factory=list)
    _problems: list[tuple[int, Problem]] = field(default_factory=list)

    def reject(self, place: int, problem: Problem) -> None:
        """Count a rejected row; `place` is the number of its file."""
        self.rejected += 1
        if len(self._problems) < PROBLEMS_KEPT:
            self._problems.append((place, problem))

    def add(self, judged: Mapping[tuple[str, str], int]) -> None:
        """Count rows by (outcome, status afterwards)."""
        for (outcome, status), n in judged.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + n
            self.statuses[status] += n

    def report(self) -> ImportReport:
        """Return the report; its last problem says if some are not listed."""
        found = sorted(self._problems, key=lambda each: (each[0], each[1].row))
        problems = [problem for _, problem in found]
        if self.rejected > len(problems):
            rest = self.rejected - len(problems)
            problems.append(Problem("", 0, f"{rest:,} more problems are not listed"))
        return ImportReport(
            rows=self.rejected + sum(self.outcomes.values()),
            added=self.outcomes.get("added", 0),
            updated=self.outcomes.get("updated", 0),
            unchanged=self.outcomes.get("unchanged", 0),
            rejected=self.rejected,
            kept_out=self.outcomes.get("kept_out", 0),
            by_status=self.statuses,
            problems=tuple(problems),
            formats=self.formats,
            notes=(*self.aside, *self.notes.texts()),
        )
