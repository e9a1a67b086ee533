"""The audit log, searched and downloaded."""

import json
import re
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import Engine, Select, or_
from sqlmodel import col, select

from flashmail import audit
from flashmail.database import reading, transaction
from flashmail.model import AuditEntry, Role
from flashmail.web.dependencies import Reading, TheEngine, User
from flashmail.web.lists import SortOrder, as_csv, listed
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
    return as_csv(f"audit-{user.now:%Y-%m-%d}.csv", COLUMNS, _rows(engine, q))


def _asked(q: str) -> Select[Any]:
    rows: Select[Any] = select(AuditEntry)
    for word in q.split():
        texts = (AuditEntry.done_by, AuditEntry.action, AuditEntry.subject)
        rows = rows.where(
            or_(*(col(t).icontains(word, autoescape=True) for t in texts))
        )
    return rows


def _rows(engine: Engine, q: str) -> Iterator[tuple[str, ...]]:
    rows = _asked(q).order_by(col(AuditEntry.id)).execution_options(yield_per=ROWS)
    with reading(engine) as session:
        for each in session.execute(rows).scalars():
            detail = json.dumps(each.detail, ensure_ascii=False) if each.detail else ""
            at = each.at.isoformat()
            yield at, each.done_by, each.action, each.subject, detail


def _said(detail: dict[str, object]) -> str:
    """Return what an entry says besides, in a line."""
    said = ((name, str(value)) for name, value in detail.items() if value)
    return ", ".join(f"{name}: {_short(value)}" for name, value in said)


def _short(text: str) -> str:
    """Return a fingerprint as pages show it, and anything else as it is."""
    return text[:16] if FINGERPRINT(text) else text
