"""Figures in words: a line for the terminal, a table for docs/performance.md."""

import os
import platform
import re
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from benchmarks.measure import Figure, short
from benchmarks.run import POSTGRESQL, Run

DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"

BEGIN, END = "<!-- figures -->", "<!-- end of the figures -->"

HEADER = """| what | against | ratio | spread | rounds | goal | | cost |
|---|---|--:|---|--:|---|---|---|
"""


def line(figure: Figure) -> str:
    """Return one figure on one line."""
    goal = f"goal {figure.goal}: {figure.verdict}" if figure.verdict else "no goal"
    return (
        f"{figure.name}: {short(figure.ratio)}x"
        f" ({figure.spread}, {len(figure.ratios)} rounds), {goal};"
        f" {figure.cost}; against {figure.reference}"
    )


def machine(run: Run) -> str:
    """Return what was measured on, and when."""
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return (
        f"{datetime.now(UTC):%d %B %Y}. {os.cpu_count()} cores of"
        f" {processor[1] if processor else platform.machine()},"
        f" Linux {platform.release()}, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}, {_postgresql(run)}."
        f" Load average at the start: {os.getloadavg()[0]:.1f}."
    )


def load() -> str:
    """Return how many processes wanted to run in the last five minutes."""
    return f"Load average of the five minutes before the end: {os.getloadavg()[1]:.1f}."


def write(figures: Iterable[Figure], about: str) -> None:
    """Put the figures into the document, in place of those of the last time."""
    rows = "".join(f"| {' | '.join(_cells(figure))} |\n" for figure in figures)
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    table = f"{BEGIN}\n{about}\n\n{HEADER}{rows}{END}"
    DOCUMENT.write_text(before + table + after)


def _cells(figure: Figure) -> list[str]:
    verdict = figure.verdict
    return [
        figure.name,
        figure.reference,
        f"{short(figure.ratio)}x",
        figure.spread,
        str(len(figure.ratios)),
        str(figure.goal) or "-",
        f"**{verdict}**" if verdict == "MISSED" else verdict,
        figure.cost,
    ]


def _postgresql(run: Run) -> str:
    if POSTGRESQL not in run.kinds:
        return "no PostgreSQL"
    with run.empty(POSTGRESQL, "version").connect() as connection:
        version = connection.execute(text("SHOW server_version")).scalar_one()
    return f"PostgreSQL {str(version).split()[0]}"
