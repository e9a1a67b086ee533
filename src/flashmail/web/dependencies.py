"""What a route may ask for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Engine
from sqlmodel import Session
from starlette.datastructures import FormData

from flashmail import bootstrap
from flashmail.audience.segment import Segment
from flashmail.campaigns.content import MailKit
from flashmail.database import reading, transaction
from flashmail.links import Tokens
from flashmail.model import Role, Staff
from flashmail.settings import Tracking
from flashmail.staff.permissions import sign
from flashmail.tasks import Tasks
from flashmail.transports.outbox import Outbox

#: A brief of many quotes has hundreds; starlette's own limit is 1,000.
MOST_FIELDS = 2_000

#: In the audit log, the person at the machine while there is no staff yet.
AT_THE_MACHINE = "at the machine"


def _session(request: Request) -> Iterator[Session]:
    with transaction(request.app.state.engine) as session:
        yield session


def _reading(request: Request) -> Iterator[Session]:
    with reading(request.app.state.engine) as session:
        yield session


def _tokens(request: Request) -> Tokens:
    tokens: Tokens = request.app.state.tokens
    return tokens


def _outbox(request: Request) -> Outbox:
    outbox: Outbox = request.app.state.outbox
    return outbox


def _tasks(request: Request) -> Tasks:
    tasks: Tasks = request.app.state.tasks
    return tasks


def _kit(request: Request) -> MailKit:
    kit: MailKit = request.app.state.mail_kit
    return kit


def _tracking(request: Request) -> Tracking:
    tracking: Tracking = request.app.state.tracking
    return tracking


async def _fields(request: Request) -> FormData:
    return await request.form(max_fields=MOST_FIELDS)


def _who(request: Request) -> str:
    staff = _me(request)
    return sign(staff) if staff else AT_THE_MACHINE


def _segments(request: Request) -> dict[str, Segment]:
    home: Path | None = request.app.state.home
    return bootstrap.segments_of_file(home) if home else {}


def _me(request: Request) -> Staff | None:
    staff: Staff | None = getattr(request.state, "staff", None)
    return staff


def may(me: Staff | None, role: Role) -> bool:
    """Return whether a role may do this; the person at the machine may do all."""
    return me is None or me.role.covers(role)


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


def _now() -> datetime:
    return datetime.now(UTC)


#: Committed when the route returns, before the answer leaves.
Writing = Annotated[Session, Depends(_session, scope="function")]

Reading = Annotated[Session, Depends(_reading)]

OurTokens = Annotated[Tokens, Depends(_tokens)]

TheOutbox = Annotated[Outbox, Depends(_outbox)]

Now = Annotated[datetime, Depends(_now)]

#: The member of staff signed in; None while there is no staff yet.
Me = Annotated[Staff | None, Depends(_me)]

#: The same for the audit log.
UserName = Annotated[str, Depends(_who)]

#: The segments of segments.toml, by name.
FileSegments = Annotated[dict[str, Segment], Depends(_segments)]

#: The readers with opens and clicks that are looked at.
WhoIsWatched = Annotated[Tracking, Depends(_tracking)]

TheMailKit = Annotated[MailKit, Depends(_kit)]

#: Everything that a form holds, where its fields are not known beforehand.
Fields = Annotated[FormData, Depends(_fields)]

LongWork = Annotated[Tasks, Depends(_tasks)]

TheEngine = Annotated[Engine, Depends(_engine)]


@dataclass(frozen=True)
class CurrentUser:
    """The user of a page, and the moment; `name` is for the audit log."""

    staff: Staff | None
    name: str
    now: datetime


def _by(request: Request) -> CurrentUser:
    return CurrentUser(_me(request), _who(request), _now())


User = Annotated[CurrentUser, Depends(_by)]
