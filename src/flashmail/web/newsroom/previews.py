"""A brief as its readers will see it, in a frame beside the page it is written on."""

from datetime import datetime, timedelta
from threading import BoundedSemaphore, Lock
from typing import NamedTuple

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import Engine

from flashmail.audience.counts import size
from flashmail.audience.segment import Segment
from flashmail.audience.selection import UnknownTopic
from flashmail.briefs import Brief
from flashmail.campaigns.content import TEMPLATES, MailKit
from flashmail.database import reading
from flashmail.drafts import editing
from flashmail.errors import FlashmailError
from flashmail.model import Priority, Role
from flashmail.rendering import Rendered
from flashmail.rendering.renderer import SAMPLE as preview_SAMPLE
from flashmail.review import preview
from flashmail.web.dependencies import Me, Reading, TheMailKit, may
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
    kit: TheMailKit,
    me: Me,
    reader: str = "",
    part: str = "html",
    dark: bool = False,
    urgent: bool = False,
) -> Response:
    """Show the mail that the brief would become, as a reader would get it."""
    read = editing.read(session, editing.find(session, draft_id).markdown)
    if read.brief is None:
        return framed("preview-none", why=read.problem)
    try:
        values = preview_SAMPLE
        # An address is personal: it is shown only to staff that write to its owner.
        if reader.strip() and may(me, Role.EDITOR):
            values = preview.seen_by(session, reader, read.brief.topics)
        template = TEMPLATES[Priority.URGENT if urgent else Priority.NORMAL]
        made = _rendered(kit, read.brief, template)
    except FlashmailError as error:
        return framed("preview-none", why=str(error))
    return _shown(made, values, part=part, dark=dark)


def _rendered(kit: MailKit, brief: Brief, template: str) -> Rendered:
    if not _at_once.acquire(timeout=PATIENCE):
        raise Busy("others are looking at theirs just now; show it once more")
    try:
        return kit.renderer.render(brief, template, tracked=False)
    finally:
        _at_once.release()


def _shown(
    made: Rendered, values: dict[str, str], *, part: str, dark: bool
) -> Response:
    if part == "text":
        return framed("preview-text", text=preview.read_out(made, values), dark=dark)
    return mail(preview.shown(made, values, dark=dark))


#: For so long a size is good; after that it is told still, and counted again.
GOOD_FOR = timedelta(minutes=5)

#: Sizes that are kept: of briefs that are written on at a time there are a few.
KEPT = 200


class Size(NamedTuple):
    people: int
    counted_at: datetime


class AudienceSizeCache:
    """The sizes of segments as they were counted last, each by one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[Segment, Size] = {}
        self._under_way: set[Segment] = set()
        self._lock = Lock()

    def known(self, segment: Segment) -> int | None:
        """Return how many a segment meant lately; None before it is counted."""
        size = self._known.get(segment)
        return size.people if size else None

    def is_due(self, segment: Segment, *, now: datetime) -> bool:
        """Whether nobody counts it, and the last count is none or old."""
        size = self._known.get(segment)
        old = size is None or now - size.counted_at > GOOD_FOR
        return old and segment not in self._under_way

    def count(self, segment: Segment, now: datetime) -> None:
        """Count it, unless somebody does so already."""
        with self._lock:
            if segment in self._under_way:
                return
            self._under_way.add(segment)
        try:
            with reading(self._engine) as session:
                self._keep(segment, Size(size(session, segment), now))
        except UnknownTopic:
            pass  # the preflight says so
        finally:
            self._under_way.discard(segment)

    def _keep(self, segment: Segment, size: Size) -> None:
        with self._lock:
            self._known.pop(segment, None)
            self._known[segment] = size
            while len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
