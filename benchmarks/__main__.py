"""`python -m benchmarks [NAME ...]`: measure, and print a table of ratios."""

import platform
import sys
from importlib import import_module

from rich.console import Console
from rich.table import Table

NAMES = ("personalise",)


def main() -> None:
    table = Table("what", "reference", "ratio", "rounds", "goal", "", "cost")
    for name in sys.argv[1:] or NAMES:
        figure = import_module(f"benchmarks.{name}").run()
        low, high = figure.spread
        table.add_row(
            figure.name,
            figure.reference,
            f"{figure.ratio:.1f}x",
            f"{low:.1f} to {high:.1f}",
            f"{figure.goal:g}x",
            "met" if figure.met else "MISSED",
            figure.detail,
        )
    console = Console()
    console.print(f"Python {platform.python_version()}, {platform.machine()}")
    console.print(table)


main()
