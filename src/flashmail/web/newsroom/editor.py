"""The page on which a brief is written: fields, doubts, versions, findings."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from secrets import token_hex
from types import MappingProxyType

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Engine
from sqlmodel import Session
from starlette.background import BackgroundTask

from flashmail.audience.segment import Segment
from flashmail.campaigns.content import MailKit
from flashmail.database import reading
from flashmail.drafts import editing, versions
from flashmail.drafts.form import ROWS, Form, form_of, quote_of, rearranged
from flashmail.drafts.quote_approvals import approvals_of
from flashmail.drafts.submission import (
    AS_FORM,
    AS_MARKDOWN,
    Submission,
    submission,
    submit,
)
from flashmail.errors import FormError
from flashmail.findings import Finding
from flashmail.model import Draft, Role, Staff
from flashmail.review.preflight import (
    UNKNOWN_TOPIC,
    PreflightContext,
    check_draft,
    have_links_followed,
)
from flashmail.staff import permissions
from flashmail.staff.permissions import PermissionDenied
from flashmail.web.dependencies import (
    Fields,
    Me,
    Now,
    Reading,
    TheMailKit,
    User,
    Writing,
    may,
)
from flashmail.web.page import done, page, part
from flashmail.web.policy import allow

router = APIRouter()


@router.get("/briefs/{draft_id}", **allow(Role.VIEWER))
def edit(
    draft_id: int,
    session: Reading,
    me: Me,
    view: str = AS_FORM,
    add: str = "",
    version: int = 0,
) -> Response:
    """Show a brief in fields, or as Markdown; another version of it if asked for."""
    draft = editing.find(session, draft_id)
    text = versions.version(session, draft_id, version).markdown if version else ""
    text = text or draft.markdown
    brief = editing.read(session, text).brief
    form = form_of(brief) if brief else Form()
    if add in ROWS:
        form = rearranged(form, f"add {add}")
    shown = AS_MARKDOWN if view == AS_MARKDOWN or brief is None else AS_FORM
    sent = Submission(0, shown, form, text, editor_tab=token_hex(8))
    return _page(session, draft, sent, writes=may(me, Role.EDITOR))


@router.post("/briefs/{draft_id}", **allow(Role.EDITOR))
def save(
    draft_id: int,
    request: Request,
    fields: Fields,
    session: Writing,
    kit: TheMailKit,
    user: User,
) -> Response:
    """Save a brief and do what the pressed button stands for."""
    sent = _sent(fields)
    try:
        _require_kept(session, user.staff, draft_id, sent)
        saved = submit(session, draft_id, sent, by=user.name, now=user.now)
    except FormError as error:
        draft = editing.find(session, draft_id)
        return _page(session, draft, sent, wrong={error.field: str(error)})
    if saved.conflicting:
        return done(f"/briefs/{draft_id}/versions/{saved.conflicting}")
    answer = done(f"/briefs/{draft_id}{_next(sent)}", "Saved.")
    engine = request.app.state.engine
    answer.background = BackgroundTask(_follow, engine, kit, draft_id, user.now)
    return answer


@router.post("/briefs/{draft_id}/typed", **allow(Role.EDITOR))
def typed(
    draft_id: int,
    request: Request,
    fields: Fields,
    session: Writing,
    kit: TheMailKit,
    user: User,
) -> Response:
    """Save what is being typed; the answer goes beside the form."""
    sent, wrong, saved = _sent(fields), "", None
    try:
        _require_kept(session, user.staff, draft_id, sent)
        saved = submit(
            session, draft_id, sent, by=user.name, now=user.now, origin=versions.TYPED
        )
    except FormError as error:
        wrong = str(error)
    draft = editing.find(session, draft_id)
    answer = part(
        "brief-typed",
        draft=draft,
        writes=True,
        saved=saved,
        wrong=wrong,
        now=user.now,
        approvals=_approvals(session, sent),
        reading=editing.read(session, draft.markdown),
    )
    if saved and not saved.conflicting:
        engine = request.app.state.engine
        answer.background = BackgroundTask(_follow, engine, kit, draft_id, user.now)
        answer.headers["HX-Trigger"] = "brief-saved"
    return answer


@router.get("/briefs/{draft_id}/findings", **allow(Role.VIEWER))
def findings(
    draft_id: int, request: Request, session: Reading, kit: TheMailKit, now: Now
) -> Response:
    """Say what stands against sending this, as it is now.

    Beside the page that it is written on, nobody waits for people to be counted.
    """
    draft = editing.find(session, draft_id)
    brief = editing.read(session, draft.markdown).brief
    if brief is None:
        return _found(request, draft, ())
    sizes, segment = request.app.state.sizes, Segment(any=brief.topics)
    people = sizes.known(segment)
    around = PreflightContext(
        postal_address=kit.postal_address,
        markdown=draft.markdown,
        embargo_until=brief.embargo,
        audience=people,
        uncounted=people is None and _beside(request),
    )
    found = check_draft(session, kit, brief, segment, around, now=now)
    known = UNKNOWN_TOPIC not in {each.code for each in found}
    session.close()
    answer = _found(request, draft, found, counting=known and people is None)
    if known and sizes.is_due(segment, now=now):
        answer.background = BackgroundTask(sizes.count, segment, now)
    return answer


def _beside(request: Request) -> bool:
    """Whether a part of the page is asked for, that can be asked for again."""
    return "hx-request" in request.headers


def _found(
    request: Request,
    draft: Draft,
    found: Sequence[Finding],
    *,
    counting: bool = False,
) -> Response:
    if not _beside(request):
        return page("brief-findings", draft=draft, findings=found)
    again = f"/briefs/{draft.id}/findings" if counting else ""
    return part("findings", findings=found, again=again)


def _follow(engine: Engine, kit: MailKit, draft_id: int, now: datetime) -> None:
    """Have the links of a brief followed; done when the answer has left."""
    with reading(engine) as session:
        brief = editing.read(session, editing.find(session, draft_id).markdown).brief
    if brief:
        have_links_followed(engine, kit, brief, now=now)


def _require_kept(
    session: Session, me: Staff | None, draft_id: int, sent: Submission
) -> None:
    """Refuse topics by which the brief would be out of reach, beside their field."""
    text = sent.text(editing.topics(session))
    try:
        topics = editing.read(session, text).topics
        permissions.require_kept(me, editing.find(session, draft_id), topics)
    except PermissionDenied as error:
        raise FormError("topics", f"{error}.") from error


def _sent(fields: Fields) -> Submission:
    given = {name: value for name, value in fields.items() if isinstance(value, str)}
    topics = [each for each in fields.getlist("topic") if isinstance(each, str)]
    return submission(given, topics)


def _next(sent: Submission) -> str:
    """Return where to go on after saving: where the pressed button was."""
    verb, kind, number = (*sent.wish.split(), "", "", "")[:3]
    if sent.view == AS_MARKDOWN:
        return "?view=markdown"
    if verb == "add":
        last = len(getattr(sent.form, ROWS.get(kind, "sections"))) - 1
        return f"?add={kind}#{kind}-{last}" if kind in ROWS else ""
    return f"#{kind}-{number}" if kind in ROWS and number.isdecimal() else ""


def _approvals(session: Session, sent: Submission) -> list[object]:
    quotes = [quote_of(each) for each in sent.form.quotes]
    return list(approvals_of(session, quotes))


def _page(
    session: Session,
    draft: Draft,
    sent: Submission,
    *,
    wrong: Mapping[str, str] = MappingProxyType({}),
    writes: bool = True,
) -> Response:
    return page(
        "brief",
        422 if wrong else 200,
        draft=draft,
        sent=sent,
        form=sent.form,
        wrong=wrong,
        writes=writes,
        reading=editing.read(session, draft.markdown),
        approvals=_approvals(session, sent),
        topics=editing.topics(session),
        markdown=sent.view == AS_MARKDOWN,
    )
