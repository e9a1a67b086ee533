"""The guard against formulas: a spreadsheet must not run what somebody called himself.

Guarded cells begin with an apostrophe. It is put before every cell that begins like a
formula or with an apostrophe, so taking it away again gives back exactly what was.
"""

#: How a cell begins that a spreadsheet may run, with the full-width forms of the signs;
#: a semicolon ends a cell where spreadsheets are European.
_RISKY = frozenset("=+-@;\t\r\n＝＋－＠'")


def guarded(cell: str) -> str:
    return f"'{cell}" if cell[:1] in _RISKY and cell else cell


def unguarded(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _RISKY and cell[1:] else cell
