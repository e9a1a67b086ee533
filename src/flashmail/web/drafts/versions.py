"""The earlier forms of a brief: what changed, by whom, and the way back."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from flashmail.drafts import desk, history
from flashmail.drafts.difference import difference
from flashmail.model import Role
from flashmail.staff import reach
from flashmail.web.dependencies import By, Me, Reading, Writing, may
from flashmail.web.page import done, page
from flashmail.web.policy import allow

router = APIRouter()


@router.get("/briefs/{draft_id}/versions", **allow(Role.VIEWER))
def versions(draft_id: int, session: Reading) -> Response:
    """List every form that a brief had."""
    draft = desk.find(session, draft_id)
    kept = history.versions(session, draft_id)
    return page("brief-versions", draft=draft, versions=kept)


@router.get("/briefs/{draft_id}/versions/{number}", **allow(Role.VIEWER))
def version(draft_id: int, number: int, session: Reading, me: Me) -> Response:
    """Show in what a form differs from the one before, or from what is saved now."""
    draft = desk.find(session, draft_id)
    this = history.version(session, draft_id, number)
    before = history.before(session, this)
    other = draft.markdown if this.aside else before.markdown if before else ""
    return page(
        "brief-version",
        draft=draft,
        version=this,
        before=before,
        writes=may(me, Role.EDITOR),
        rows=difference(other, this.markdown),
    )


@router.post("/briefs/{draft_id}/versions/{number}", **allow(Role.EDITOR))
def set_back(
    draft_id: int,
    number: int,
    revision: Annotated[int, Form()],
    session: Writing,
    by: By,
) -> Response:
    """Make an earlier form the one that counts."""
    draft = desk.find(session, draft_id)
    text = history.version(session, draft_id, number).markdown
    reach.require_kept(by.staff, draft, desk.read(session, text).topics)
    saved = desk.set_back(
        session, draft_id, number, revision=revision, who=by.who, now=by.now
    )
    if saved.aside:
        return done(f"/briefs/{draft_id}/versions/{saved.aside}")
    return done(f"/briefs/{draft_id}", f"This is version {number} again.")
