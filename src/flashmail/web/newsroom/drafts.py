"""Pages of the briefs that are being written: the list, and how one begins."""

from typing import Annotated

from fastapi import APIRouter, Form, UploadFile
from fastapi.responses import Response
from sqlmodel import col, func

from flashmail.drafts import editing
from flashmail.drafts import versions as history
from flashmail.drafts.sources import DraftSource, create_draft_from
from flashmail.drafts.versions import difference
from flashmail.errors import CannotImport
from flashmail.model import Draft, Role
from flashmail.staff import permissions
from flashmail.web.dependencies import Me, Now, Reading, User, UserName, Writing, may
from flashmail.web.lists import SortOrder, SortOrders, listed
from flashmail.web.page import done, page
from flashmail.web.policy import allow

router = APIRouter()


@router.get("/briefs/{draft_id}/versions", **allow(Role.VIEWER))
def versions(draft_id: int, session: Reading) -> Response:
    """List every form that a brief had."""
    draft = editing.find(session, draft_id)
    kept = history.versions(session, draft_id)
    return page("brief-versions", draft=draft, versions=kept)


@router.get("/briefs/{draft_id}/versions/{number}", **allow(Role.VIEWER))
def version(draft_id: int, number: int, session: Reading, me: Me) -> Response:
    """Show in what a form differs from the one before, or from what is saved now."""
    draft = editing.find(session, draft_id)
    this = history.version(session, draft_id, number)
    before = history.before(session, this)
    other = draft.markdown if this.conflicting else before.markdown if before else ""
    return page(
        "brief-version",
        draft=draft,
        version=this,
        before=before,
        writes=may(me, Role.EDITOR),
        rows=difference(other, this.markdown),
    )


@router.post("/briefs/{draft_id}/versions/{number}", **allow(Role.EDITOR))
def restore_version(
    draft_id: int,
    number: int,
    revision: Annotated[int, Form()],
    session: Writing,
    user: User,
) -> Response:
    """Make an earlier form the one that counts."""
    draft = editing.find(session, draft_id)
    text = history.version(session, draft_id, number).markdown
    permissions.require_kept(user.staff, draft, editing.read(session, text).topics)
    saved = editing.restore_version(
        session, draft_id, number, version=revision, by=user.name, now=user.now
    )
    if saved.conflicting:
        return done(f"/briefs/{draft_id}/versions/{saved.conflicting}")
    return done(f"/briefs/{draft_id}", f"This is version {number} again.")


ORDERS = SortOrders(
    {
        "title": SortOrder(func.lower(col(Draft.title)), col(Draft.id)),
        "status": SortOrder(editing.standing(), col(Draft.id)),
        "changed": SortOrder(col(Draft.changed_at), col(Draft.id)),
    },
    usual="-changed",
)

#: A megabyte of text is no brief; a Word document of more has pictures in it.
LARGEST = 5_000_000

Text = Annotated[str, Form(max_length=1_000_000)]

Line = Annotated[str, Form(max_length=2_000)]


@router.get("/briefs", **allow(Role.VIEWER))
def briefs(
    session: Reading,
    me: Me,
    q: str = "",
    sort: str = "",
    cursor: str = "",
    discarded: bool = False,
) -> Response:
    """List the briefs that are being written, the one changed last at the top."""
    way, order = ORDERS.chosen(sort)
    drafts = permissions.visible_drafts(
        session, me, editing.drafts(q[:200], discarded=discarded)
    )
    found = listed(
        session,
        drafts.add_columns(editing.standing(), order.column),
        order,
        cursor,
        place=lambda row: (row[2], row[0].id),
    )
    return page(
        "briefs",
        listed=found,
        q=q,
        sort=way,
        discarded=discarded,
        writes=may(me, Role.EDITOR),
    )


@router.get("/briefs/new", **allow(Role.EDITOR))
def new() -> Response:
    """Ask for a text, a Word document or an address."""
    return page("brief-new", source=DraftSource(), wrong="")


@router.post("/briefs", **allow(Role.EDITOR))
def begin(
    session: Writing,
    user_name: UserName,
    now: Now,
    text: Text = "",
    url: Line = "",
    title: Line = "",
    date: Line = "",
    file: UploadFile | None = None,
) -> Response:
    """Begin a brief with what was given; where it cannot be read, give it back."""
    source = DraftSource(text=text, url=url, title=title, date=date)
    try:
        if file is not None and file.filename:
            data = file.file.read(LARGEST + 1)
            source = source.with_file(file.filename, data)
        draft_id = create_draft_from(session, source, by=user_name, now=now)
    except CannotImport as error:
        return page("brief-new", 422, source=source, wrong=str(error))
    return done(f"/briefs/{draft_id}", "This is what was understood.")


@router.post("/briefs/{draft_id}/discard", **allow(Role.EDITOR))
def discard(draft_id: int, session: Writing, user_name: UserName, now: Now) -> Response:
    """Put a brief away."""
    editing.discard(session, draft_id, by=user_name, now=now)
    return done("/briefs", "The brief is put away.", f"/briefs/{draft_id}/take-out")


@router.post("/briefs/{draft_id}/take-out", **allow(Role.EDITOR))
def undiscard(
    draft_id: int, session: Writing, user_name: UserName, now: Now
) -> Response:
    """Take a brief out again that was put away."""
    editing.undiscard(session, draft_id, by=user_name, now=now)
    return done(f"/briefs/{draft_id}", "The brief is back.")
