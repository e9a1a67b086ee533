"""A brief as its readers will see it, in a frame beside the page it is written on."""

from threading import BoundedSemaphore

from fastapi import APIRouter
from fastapi.responses import Response

from flashmail.briefs import Brief
from flashmail.drafts import desk
from flashmail.errors import FlashmailError
from flashmail.model import Priority, Role
from flashmail.rendering import Rendered
from flashmail.sending.approve import preview
from flashmail.sending.approve.launch import TEMPLATES
from flashmail.sending.approve.press import Press
from flashmail.web.dependencies import Me, Reading, ThePress, may
from flashmail.web.page import framed, mail
from flashmail.web.policy import allow

router = APIRouter()

#: Each is a process of a tenth of a second: pages for readers go on beside it.
_at_once = BoundedSemaphore(2)

#: Seconds that one waits for others' previews; a waiting page is one less for readers.
PATIENCE = 3.0


class Busy(FlashmailError):
    """Too many are looking at previews."""


@router.get("/briefs/{draft_id}/preview", **allow(Role.VIEWER))
def show(
    draft_id: int,
    session: Reading,
    press: ThePress,
    me: Me,
    reader: str = "",
    part: str = "html",
    dark: bool = False,
    urgent: bool = False,
) -> Response:
    """Show the mail that the brief would become, as a reader would get it."""
    read = desk.read(session, desk.find(session, draft_id).markdown)
    if read.brief is None:
        return framed("preview-none", why=read.problem)
    try:
        values = preview.SAMPLE
        # An address is an address of a person: that is for those who write to them.
        if reader.strip() and may(me, Role.EDITOR):
            values = preview.seen_by(session, reader, read.brief.topics)
        template = TEMPLATES[Priority.URGENT if urgent else Priority.NORMAL]
        made = _rendered(press, read.brief, template)
    except FlashmailError as error:
        return framed("preview-none", why=str(error))
    return _shown(made, values, part=part, dark=dark)


def _rendered(press: Press, brief: Brief, template: str) -> Rendered:
    if not _at_once.acquire(timeout=PATIENCE):
        raise Busy("others are looking at theirs just now; show it once more")
    try:
        return press.renderer.render(brief, template, tracked=False)
    finally:
        _at_once.release()


def _shown(
    made: Rendered, values: dict[str, str], *, part: str, dark: bool
) -> Response:
    if part == "text":
        return framed("preview-text", text=preview.read_out(made, values), dark=dark)
    return mail(preview.shown(made, values, dark=dark))
