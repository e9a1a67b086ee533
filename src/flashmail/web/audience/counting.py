"""Counting everybody: beside the pages now and then, and when somebody asks for it."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from flashmail import bootstrap
from flashmail.audience.headcount import heads, keep_heads
from flashmail.database import reading, transaction


def count_everybody(engine: Engine, home: Path | None, *, now: datetime) -> None:
    """Count people by status, topic and segment, and keep it as today's count.

    Counting a million takes seconds, in which nobody has to wait for it.
    """
    known = bootstrap.segments(home, engine) if home else {}
    with reading(engine) as session:
        counted = heads(session, known)
    with transaction(engine) as session:
        keep_heads(session, counted, now=now)
