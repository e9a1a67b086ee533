"""Rosters: CSV files of people, brought in and written out; and single persons.

For a page that imports: `preview` says how each file would be read and shows its first
rows; the person says otherwise by `mapped`; `import_rosters` with `dry_run` says what
would happen, and without it does it. Rows that were not taken are written to `rejects`.
"""

from flashmail.audience.roster.bring import import_rosters
from flashmail.audience.roster.export import export, table
from flashmail.audience.roster.layout import FIELDS, KEEP, SKIP
from flashmail.audience.roster.person import add, remove
from flashmail.audience.roster.preview import Column, Preview, preview
from flashmail.audience.roster.report import ImportReport, Problem

__all__ = [
    "FIELDS",
    "KEEP",
    "SKIP",
    "Column",
    "ImportReport",
    "Preview",
    "Problem",
    "add",
    "export",
    "import_rosters",
    "preview",
    "remove",
    "table",
]
