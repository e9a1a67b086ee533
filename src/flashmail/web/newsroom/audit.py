"""The audit log, searched and downloaded."""

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import Engine, Select, or_
from sqlmodel import col, select

from flashmail import audit
from flashmail.database import reading, transaction
from flashmail.import_export.files import guarded
from flashmail.model import AuditEntry, Role
from flashmail.web.dependencies import Reading, TheEngine, User
from flashmail.web.lists import SortOrder, listed
from flashmail.web.page import page
from flashmail.web.policy import allow

router = APIRouter()

ORDER = SortOrder(col(AuditEntry.id), col(AuditEntry.id), descending=True)

COLUMNS = ("at", "who", "action", "subject", "detail")

FINGERPRINT = re.compile("[0-9a-f]{64}").fullmatch

#: Rows that are written together into a download.
ROWS = 500


@router.get("/audit", **allow(Role.ADMIN))
def show(session: Reading, q: str = "", cursor: str = "") -> Response:
    """List what was done, the latest first."""
    found = listed(session, _asked(q), ORDER, cursor, place=lambda r: (r.id, r.id))
    return page("audit", found=found, q=q, said=_said)


@router.post("/audit/export", **allow(Role.ADMIN))
def export(engine: TheEngine, user: User, q: str = "") -> Response:
    """Download what was done as CSV; that is itself something that was done."""
    with transaction(engine) as session:
        audit.record(session, "audit log", "export", by=user.name, now=user.now, q=q)
    name = f'attachment; filename="audit-{user.now:%Y-%m-%d}.csv"'
    return StreamingResponse(
        _csv(engine, q),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": name},
    )


def _asked(q: str) -> Select[Any]:
    rows: Select[Any] = select(AuditEntry)
    for word in q.split():
        texts = (AuditEntry.done_by, AuditEntry.action, AuditEntry.subject)
        rows = rows.where(
            or_(*(col(t).icontains(word, autoescape=True) for t in texts))
        )
    return rows


def _csv(engine: Engine, q: str) -> Iterator[str]:
    yield _lines([COLUMNS])
    with reading(engine) as session:
        rows = session.execute(
            _asked(q).order_by(col(AuditEntry.id)).execution_options(yield_per=ROWS)
        )
        for some in rows.scalars().partitions(ROWS):
            yield _lines([_row(each) for each in some])


def _row(each: AuditEntry) -> tuple[str, ...]:
    detail = json.dumps(each.detail, ensure_ascii=False) if each.detail else ""
    said = (each.done_by, each.action, each.subject, detail)
    return (each.at.isoformat(), *(guarded(text) for text in said))


def _lines(rows: list[tuple[str, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def _said(detail: dict[str, object]) -> str:
    """Return what an entry says besides, in a line."""
    said = ((name, str(value)) for name, value in detail.items() if value)
    return ", ".join(f"{name}: {_short(value)}" for name, value in said)


def _short(text: str) -> str:
    """Return a fingerprint as pages show it, and anything else as it is."""
    return text[:16] if FINGERPRINT(text) else text
