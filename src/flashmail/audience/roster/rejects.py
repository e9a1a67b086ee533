"""The rows that an import did not take, as a file: to mend them and bring them in."""

import csv
import json
from typing import TextIO

from flashmail.audience.roster.guard import guarded
from flashmail.audience.roster.staging import Staging

#: Columns before those of the file.
ABOUT = ("why", "file", "line")


def write_rejects(staging: Staging, out: TextIO) -> None:
    """Write every rejected row as CSV: why, file, line, and its cells.

    Cells that a spreadsheet could run are guarded, see `roster.guard`.
    """
    columns = staging.rejected_columns()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([*ABOUT, *map(guarded, columns)])
    for why, file, line, cells_in_json in staging.rejected():
        cells = json.loads(cells_in_json)
        found = [str(cells.get(column, "")) for column in columns]
        writer.writerow([why, guarded(file), line, *map(guarded, found)])
