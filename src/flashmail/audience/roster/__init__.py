"""Rosters: CSV files of people, brought in and written out; and single persons."""

from flashmail.audience.roster.bring import import_rosters
from flashmail.audience.roster.export import export
from flashmail.audience.roster.person import add, remove
from flashmail.audience.roster.report import ImportReport, Problem

__all__ = ["ImportReport", "Problem", "add", "export", "import_rosters", "remove"]
