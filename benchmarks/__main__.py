"""`python -m benchmarks [NAME ...]`: measure, and print a line for each figure."""

import argparse
import logging
import sys
from collections.abc import Iterator
from importlib import import_module

from benchmarks import report
from benchmarks.measure import Figure
from benchmarks.run import Run, begun

NAMES = (
    "startup",
    "personalise",
    "sendgrid",
    "smtp",
    "audience",
    "addressing",
    "claims",
    "newsroom",
    "restart",
    "urgent",
    "roster",
    "imports",
    "pixel",
    "webhook",
    "pages",
    "beside",
)


def main() -> None:
    asked = _arguments()
    logging.disable(logging.WARNING)
    measured = []
    with begun(share=asked.share, rounds=asked.rounds, say=_say) as run:
        about = report.machine(run)
        print(about)  # noqa: T201
        for name in asked.names or NAMES:
            _say(f"{name} ...")
            for figure in figures(name, run):
                print(report.line(figure), flush=True)  # noqa: T201
                measured.append(figure)
    if asked.write:
        report.write(measured, f"{about} {report.load()}")


def figures(name: str, run: Run) -> Iterator[Figure]:
    """Measure one thing."""
    measured: Iterator[Figure] = import_module(f"benchmarks.{name}").figures(run)
    return measured


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--share", type=float, default=1, help="of the full size")
    parser.add_argument("--write", action="store_true", help="into docs/performance.md")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(NAMES)
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return asked


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
