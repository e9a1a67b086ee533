"""Importing: upload, say what the columns hold, try it, do it, and read the report."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, UploadFile
from fastapi.responses import FileResponse, Response
from sqlalchemy import Engine

from flashmail import audit, import_export
from flashmail.database import transaction
from flashmail.import_export import files
from flashmail.model import Role, Task
from flashmail.tasks import TaskProgress
from flashmail.web.dependencies import LongWork, Now, Reading, UserName
from flashmail.web.page import done, page
from flashmail.web.policy import allow

router = APIRouter(prefix="/imports")

#: Fields of the form: what a column was taken for, and what it shall be.
WAS, COLUMN = "was:", "column:"

#: Rows of a file that are shown.
ROWS = 8


def _uploads(request: Request) -> Path:
    folder: Path = request.app.state.uploads
    return folder


async def _mapped(request: Request) -> dict[str, str]:
    form = await request.form(max_files=0, max_fields=2000)
    return mapped({name: str(value) for name, value in form.multi_items()})


Uploads = Annotated[Path, Depends(_uploads)]

#: What somebody says that columns hold, where it is not what we took them for.
Mapped = Annotated[dict[str, str], Depends(_mapped)]


def mapped(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the columns by their titles that somebody changed."""
    return {
        name.removeprefix(COLUMN): value
        for name, value in fields.items()
        if name.startswith(COLUMN)
        and value != fields.get(WAS + name.removeprefix(COLUMN))
    }


@router.get("/new", **allow(Role.LIST_MANAGER))
def new() -> Response:
    """Show the form for a file."""
    return page("import-new")


@router.post("", **allow(Role.LIST_MANAGER))
def take(file: UploadFile, folder: Uploads, now: Now) -> Response:
    """Keep a file, and go on to what its columns hold."""
    key = files.keep(folder, file.filename or "", file.file, now=now)
    return done(f"/imports/{key}")


@router.get("/{key}", **allow(Role.LIST_MANAGER))
def look(key: str, folder: Uploads) -> Response:
    """Show how a file would be read, for somebody to say otherwise."""
    return _look(folder, key, {})


@router.post("/{key}/look", **allow(Role.LIST_MANAGER))
def look_again(key: str, folder: Uploads, said: Mapped) -> Response:
    """Show the same after somebody said what columns hold. Nothing is kept."""
    return _look(folder, key, said)


def _look(folder: Path, key: str, said: Mapping[str, str]) -> Response:
    file = files.file_of(folder, key)
    by_itself = import_export.preview([file], rows=0, bare=True) if said else ()
    return page(
        "import-look",
        key=key,
        title=file.name,
        sheets=import_export.preview([file], mapped=said, rows=ROWS, bare=True),
        recognised=_taken_for(by_itself),
        fields=(*import_export.FIELDS, import_export.KEEP, import_export.SKIP),
    )


def _taken_for(sheets: tuple[import_export.Preview, ...]) -> dict[str, str]:
    """Return what columns were taken for before anybody said otherwise."""
    return {each.title: each.field for sheet in sheets for each in sheet.columns}


@router.post("/{key}/try", **allow(Role.LIST_MANAGER))
def attempt(
    key: str,
    request: Request,
    folder: Uploads,
    said: Mapped,
    tasks: LongWork,
    user_name: UserName,
) -> Response:
    """Say what would happen, row by row, and change nothing."""
    file = files.file_of(folder, key)
    work = _work(
        request.app.state.engine, folder, key, said, dry_run=True, by=user_name
    )
    title = f"Trying to import {file.name}"
    return done(tasks.begin(title, work, by=user_name, then="/imports/report/{id}"))


@router.post("/{key}/run", **allow(Role.LIST_MANAGER))
def run(
    key: str,
    request: Request,
    folder: Uploads,
    said: Mapped,
    tasks: LongWork,
    user_name: UserName,
) -> Response:
    """Bring the people of a file in."""
    file = files.file_of(folder, key)
    work = _work(
        request.app.state.engine, folder, key, said, dry_run=False, by=user_name
    )
    title = f"Importing {file.name}"
    return done(tasks.begin(title, work, by=user_name, then="/imports/report/{id}"))


@router.get("/report/{task_id}", **allow(Role.LIST_MANAGER))
def report(task_id: int, session: Reading) -> Response:
    """Show what became of each row."""
    task = session.get(Task, task_id)
    if task is None or "import" not in task.outcome:
        raise HTTPException(404, "There is no such import.")
    return page(
        "import-report", title=task.title, at=task.seen_at, **task.outcome["import"]
    )


@router.get("/{key}/rejected.csv", **allow(Role.LIST_MANAGER))
def rejected(key: str, folder: Uploads) -> Response:
    """Return the rows that were not taken, with the reasons."""
    file = files.rejected_of(folder, key)
    if not file.exists():
        raise HTTPException(404, "There are no rejected rows.")
    return FileResponse(file, media_type="text/csv", filename="rejected.csv")


def _work(
    engine: Engine,
    folder: Path,
    key: str,
    said: Mapping[str, str],
    *,
    dry_run: bool,
    by: str,
) -> Any:
    """Return the import as work that tells of its progress."""

    def work(progress: TaskProgress) -> dict[str, Any]:
        file, now = files.file_of(folder, key), datetime.now(UTC)
        with files.rejected_of(folder, key).open(
            "w", encoding="utf-8", newline=""
        ) as rejects:
            found = import_export.import_rosters(
                engine,
                [file],
                mapped=said,
                dry_run=dry_run,
                now=now,
                progress=progress,
                rejects=rejects,
                bare=True,
            )
        if not dry_run:
            _note(engine, file.name, found, by=by, now=now)
        told = found.as_json()
        return {
            "import": {"key": key, "dry_run": dry_run, "said": dict(said), "did": told}
        }

    return work


def _note(
    engine: Engine,
    name: str,
    found: import_export.ImportReport,
    *,
    by: str,
    now: datetime,
) -> None:
    numbers = {
        each: getattr(found, each)
        for each in ("rows", "added", "updated", "rejected", "kept_out")
    }
    with transaction(engine) as session:
        audit.record(
            session, "subscribers", "import", by=by, now=now, file=name, **numbers
        )
