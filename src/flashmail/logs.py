"""What is logged, and how: for a person or for a program; never a secret."""

import logging
import os
import re
import select
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor

from flashmail.settings import LogForm

#: What must not be in a log, from any library: API keys, passwords in addresses,
#: the tokens of readers' links.
SECRETS = (
    (re.compile(r"SG\.[\w-]{10,}\.[\w-]{10,}"), "SG.…"),
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"), "…"),
    (re.compile(r"(?<=/)[0-9a-f]{40,}"), "…"),
)

#: Of these only what is at least so bad is worth a line.
CHATTY = {
    "alembic": logging.WARNING,
    "apscheduler": logging.ERROR,
    "httpx2": logging.WARNING,
}


class NonBlockingHandler(logging.StreamHandler[TextIO]):
    """Writes lines, but waits for nobody: what a pipe has no room for is lost.

    If the reader of our standard error stands still, mail goes on all the same.
    """

    def emit(self, record: logging.LogRecord) -> None:
        try:
            handle = self.stream.fileno()
        except (OSError, ValueError):
            super().emit(record)
            return
        try:
            _write(handle, (self.format(record) + self.terminator).encode())
        except Exception:
            self.handleError(record)


def _write(handle: int, line: bytes) -> None:
    room = select.poll()
    room.register(handle, select.POLLOUT)
    # A pipe that has room at all takes so much at once without waiting.
    for begin in range(0, len(line), select.PIPE_BUF):
        if [event for _, event in room.poll(0)] != [select.POLLOUT]:
            return
        os.write(handle, line[begin : begin + select.PIPE_BUF])


def configure(form: LogForm) -> None:
    """Send everything that is logged in this process to standard error, in one form."""
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    handler = NonBlockingHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _without_secrets,
                _line(form),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers, root.level = [handler], logging.INFO
    for name, level in CHATTY.items():
        logging.getLogger(name).setLevel(level)


def _line(form: LogForm) -> Processor:
    if form is LogForm.JSON:
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


def _without_secrets(_: object, __: str, event: EventDict) -> EventDict:
    return {
        key: hidden(value) if isinstance(value, str) else value
        for key, value in event.items()
    }


def hidden(text: str) -> str:
    """Return a text without what looks like a secret of ours."""
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    return text
