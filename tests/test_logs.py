"""The log: one line for each thing, and never a secret in it."""

import json
import logging
import os
from collections.abc import Iterator

import pytest

from flashmail.logs import NonBlockingHandler, configure
from flashmail.settings import LogForm

SECRETS = (
    "SG." + "a" * 22 + "." + "b" * 43,
    "postgresql://edna:hunter2@db.example.org/flashmail",
    "smtps://edna:hunter2@mail.example.org:465",
    "GET /u/" + "a7" * 24 + " failed",
)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level


@pytest.mark.parametrize("form", list(LogForm))
@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_logged(
    capsys: pytest.CaptureFixture[str], secret: str, form: LogForm
) -> None:
    configure(form)

    logging.getLogger("x").warning("cannot reach %s", secret)
    try:
        raise OSError(secret)
    except OSError:
        logging.getLogger("x").exception("it broke")

    said = capsys.readouterr().err
    assert "cannot reach" in said
    assert "OSError" in said
    for part in ("hunter2", "b" * 43, "a7a7"):
        assert part not in said


def test_a_line_for_a_program_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogForm.JSON)

    logging.getLogger("flashmail.sending").warning("batch %d is late", 7)

    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"]) == ("batch 7 is late", "warning")
    assert line["logger"] == "flashmail.sending"


def test_a_log_that_nobody_reads_holds_nobody_up() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as read, os.fdopen(writer, "w") as stuck:
        log = logging.getLogger("a full pipe")
        log.handlers, log.propagate = [NonBlockingHandler(stuck)], False
        for number in range(2_000):
            log.warning("line %d: %s", number, "x" * 200)
        log.warning("a long one: %s", "y" * 100_000)

        stuck.close()
        said = read.read().decode()

    assert said.startswith("line 0: x")
    assert said.count("line ") < 2_000
