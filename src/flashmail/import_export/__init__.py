"""Rosters: CSV files of people, brought in and written out; and single persons.

For a page that imports: `preview` says how each file would be read and shows its first
rows; the person says otherwise by `mapped`; `import_rosters` with `dry_run` says what
would happen, and without it does it. Rows that were not taken are written to `rejects`.
"""

from flashmail.import_export.export import export, table
from flashmail.import_export.mapping import FIELDS, KEEP, SKIP
from flashmail.import_export.run import ImportReport, RejectedRow, import_rosters
from flashmail.import_export.sheets import Column, Preview, preview

__all__ = [
    "FIELDS",
    "KEEP",
    "SKIP",
    "Column",
    "ImportReport",
    "Preview",
    "RejectedRow",
    "add",
    "export",
    "import_rosters",
    "preview",
    "remove",
    "table",
]
