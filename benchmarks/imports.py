"""A roster of a million: how long it takes, and that it takes no more memory."""

import multiprocessing
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Figure, Goal
from benchmarks.roster import written
from benchmarks.run import Run
from flashmail.database import connect, transaction
from flashmail.import_export import import_rosters
from flashmail.model import Topic

ROWS = 1_000_000

#: The smaller roster, against which memory is held: this part of the large one.
PART = 5

TOPICS = 50


def figures(run: Run) -> Iterator[Figure]:
    folder = run.place("imports")
    sizes = {"small": run.size(ROWS) // PART, "large": run.size(ROWS)}
    files = {
        name: written(folder / f"{name}.csv", max(2, rows))
        for name, rows in sizes.items()
    }
    for kind in run.kinds:
        peaks, seconds = {}, 0.0
        for name, file in files.items():
            engine = run.empty(kind, f"imports_{name}")
            with transaction(engine) as session:
                for number in range(1, TOPICS + 1):
                    topic = "News" if number == 1 else f"Topic {number}"
                    session.add(Topic(id=number, name=topic, slug=f"topic-{number}"))
            url = engine.url.render_as_string(hide_password=False)
            peaks[name], seconds = _in_a_process(url, file)
        megabytes = {name: peak / 1024 for name, peak in peaks.items()}
        yield Figure(
            f"memory of an import, {kind}",
            f"a roster of {sizes['small']:,}",
            (peaks["small"] / peaks["large"],),
            f"{megabytes['large']:.0f} against {megabytes['small']:.0f} MB;"
            f" {sizes['large']:,} rows in {seconds:.1f} s",
            Goal(ratio=0.8),
            seconds,
        )


def _in_a_process(url: str, file: Path) -> tuple[int, float]:
    """Import in a new process; return its memory at most in KB, and the seconds."""
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    process = context.Process(target=_import, args=(url, file, told))
    process.start()
    peak, seconds = told.get()
    process.join()
    return peak, seconds


def _import(url: str, file: Path, told: "multiprocessing.SimpleQueue[object]") -> None:
    begun = time.perf_counter()
    import_rosters(connect(url), [file], now=datetime.now(UTC))
    seconds = time.perf_counter() - begun
    told.put((_peak(), seconds))


def _peak() -> int:
    """Return the most memory that this process had, in KB (proc(5)).

    Not getrusage's figure: a process begins with that of the one which made it.
    """
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0])
