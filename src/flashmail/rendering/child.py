"""The confined process: gives up its means, reads a job, writes the pages."""

import json
import resource
import sys

from flashmail.errors import RenderError
from flashmail.rendering.expand import expand
from flashmail.rendering.process import read_job

CPU_SECONDS = 2

MEMORY = 256 * 1024 * 1024

LARGEST_OUTPUT = 1_000_000

#: No file can be written, no core is dumped.
LIMITS = {
    resource.RLIMIT_CPU: CPU_SECONDS,
    resource.RLIMIT_AS: MEMORY,
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_CORE: 0,
}


def main() -> None:
    for limit, most in LIMITS.items():
        resource.setrlimit(limit, (most, most))
    sys.stdout.write(answer(sys.stdin.read()))


def answer(job: str) -> str:
    """Return a job's pages, or what is wrong with it, as JSON."""
    try:
        written = json.dumps({"pages": vars(expand(read_job(job)))})
    except RenderError as error:
        return _refusal(error.message, error.file, error.line)
    except MemoryError:
        return _refusal("needs more memory than a template may have")
    if len(written) > LARGEST_OUTPUT:
        return _refusal(f"writes more than {LARGEST_OUTPUT // 1_000_000} MB")
    return written


def _refusal(message: str, file: str = "", line: int = 0) -> str:
    return json.dumps({"error": {"message": message, "file": file, "line": line}})
