"""Render where it can do no harm: in a process of its own, with little of everything.

Staff write templates, and a loop within a loop would hold up all mail for hours; deep
nesting ends the compiler's process at once. So every template is rendered like this,
also those that travel with flashmail: it takes a tenth of a second once for a campaign,
and there is no question of which ones are to be trusted.
"""

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from flashmail.errors import RenderError

#: Stands in JSON for a text that is html already.
HTML = "html"


class Html(str):
    """A text that is html already, and clean."""


@dataclass(frozen=True)
class Job:
    """A template's files and what they are to be filled with.

    `stem` begins every stand-in for a mark: a word that occurs nowhere else in the
    job. `page` is for the html part, `text` for the plain-text part and the subject.
    """

    template: str
    stem: str
    files: dict[str, str]
    page: dict[str, Any]
    text: dict[str, Any]


@dataclass(frozen=True)
class RenderedPages:
    """What a job gave; `calls` are the fields used, each a name and a fallback."""

    subject: str
    text: str
    mjml: str
    html: str
    calls: list[list[str]]


def write_job(job: Job) -> str:
    return json.dumps(_marked(vars(job)), sort_keys=True)


def read_job(text: str) -> Job:
    return Job(**json.loads(text, object_hook=_unmarked))


def _marked(thing: Any) -> Any:
    if isinstance(thing, Html):
        return {HTML: str(thing)}
    if isinstance(thing, dict):
        return {key: _marked(each) for key, each in thing.items()}
    return [_marked(each) for each in thing] if isinstance(thing, list) else thing


def _unmarked(thing: dict[str, Any]) -> Any:
    return Markup(thing[HTML]) if thing.keys() == {HTML} else thing


#: Seconds by the clock: a machine that is busy gets more than the 2 s of CPU.
PATIENCE = 20

#: Enters the packages by the back door: their `__init__` would load all of rendering
#: and the readers of briefs, which takes longer than to render.
BOOT = """
import sys, types
for name, folder in zip(sys.argv[1::2], sys.argv[2::2]):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
from flashmail.rendering.child import main
main()
"""

HERE = Path(__file__).parent

COMMAND = [sys.executable, "-I", "-c", BOOT]


COMMAND += ["flashmail", str(HERE.parent), "flashmail.rendering", str(HERE)]


#: Nothing of our own environment: there are secrets in it.
ENVIRONMENT = {"PYTHONHASHSEED": "0"}

TOO_LONG = "takes longer than a template may: look for loops within loops"

KILLED = {
    signal.SIGXCPU: TOO_LONG,
    signal.SIGKILL: TOO_LONG,
    signal.SIGSEGV: "is nested too deep",
    signal.SIGABRT: "needs more memory than a template may have",
}


def expand(job: Job) -> RenderedPages:
    """Return a job's pages; raise RenderError for whatever it does wrong."""
    try:
        return RenderedPages(**json.loads(run(write_job(job))))
    except RenderError as error:
        raise RenderError(
            error.message, error.file or job.template, error.line
        ) from None


@lru_cache(maxsize=32)
def run(job: str) -> str:
    """Run a job; the same job gives the same pages, so the last ones are kept."""
    try:
        done = subprocess.run(
            COMMAND,
            input=job,
            capture_output=True,
            encoding="utf-8",
            env=ENVIRONMENT,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RenderError(TOO_LONG) from None
    if done.returncode != 0:
        raise RenderError(_reason(done))
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise RenderError(**answer["error"])
    return json.dumps(answer["pages"])


def _reason(done: "subprocess.CompletedProcess[str]") -> str:
    known = {-number: reason for number, reason in KILLED.items()}
    last = (done.stderr.strip().splitlines() or ["no word"])[-1]
    return known.get(done.returncode, f"ended the process it was rendered in: {last}")
