"""Subscribers: the list, one person's profile and history, and what one can change."""

from collections.abc import Collection, Iterator
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from sqlalchemy import Engine
from sqlmodel import Session, col, select
from starlette.datastructures import FormData

from flashmail import audit, import_export
from flashmail.audience import suppression
from flashmail.audience.counts import latest
from flashmail.audience.saved_segments import named
from flashmail.audience.segment import Segment
from flashmail.database import reading, transaction
from flashmail.errors import WrongInput
from flashmail.model import (
    DeliveryPreferences,
    Frequency,
    HeadcountKind,
    Role,
    Subscriber,
    SubscriberStatus,
    Suppression,
    Topic,
)
from flashmail.privacy import as_text, erase_everywhere, takeout
from flashmail.reports.subscriber import history
from flashmail.subscribers import edit as change
from flashmail.subscribers.edit import Profile
from flashmail.subscribers.edit import add as roster_add
from flashmail.subscribers.search import StartsWith, SubscriberFilter, people
from flashmail.web.dependencies import (
    FileSegments,
    Me,
    Now,
    Reading,
    TheOutbox,
    UserName,
    Writing,
    may,
)
from flashmail.web.lists import ListPage, SortOrder, as_csv, listed
from flashmail.web.page import done, page
from flashmail.web.policy import allow

router = APIRouter()


@router.get("/subscribers/{subscriber_id}/takeout.json", **allow(Role.LIST_MANAGER))
def take_along(subscriber_id: int, session: Reading) -> Response:
    """Return everything that is kept of a person, for them to have."""
    person = change.find(session, subscriber_id)
    name = f'attachment; filename="subscriber-{subscriber_id}.json"'
    return Response(
        as_text(takeout(session, person)),
        media_type="application/json",
        headers={"Content-Disposition": name},
    )


@router.get("/subscribers/{subscriber_id}/erase", **allow(Role.LIST_MANAGER))
def ask(subscriber_id: int, session: Reading) -> Response:
    """Say what erasing means, and ask for the address."""
    return page("subscriber-erase", person=change.find(session, subscriber_id))


@router.post("/subscribers/{subscriber_id}/erase", **allow(Role.LIST_MANAGER))
def erase_them(
    subscriber_id: int,
    session: Writing,
    user_name: UserName,
    outbox: TheOutbox,
    now: Now,
    address: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Erase a person, after the address was typed."""
    person = change.find(session, subscriber_id)
    if address.strip().lower() != person.address.lower():
        raise WrongInput("nobody was erased: the address that you typed is another one")
    erase_everywhere(session, person, outbox, now=now)
    audit.record(
        session, audit.of_subscriber(subscriber_id), "erase", by=user_name, now=now
    )
    return done("/subscribers", "One person is erased.")


#: Fields are called topic:NAME, attribute:NAME; an attribute that is new comes as two.
TOPIC, ATTRIBUTE = "topic:", "attribute:"


def profile_of(form: FormData) -> Profile:
    """Return what a form says of a person; an empty frequency follows no longer."""
    fields = {name: str(value).strip() for name, value in form.multi_items()}
    attributes = _named(fields, ATTRIBUTE)
    if new := fields.get("new_attribute", ""):
        attributes[new] = fields.get("new_value", "")
    return Profile(
        name=fields.get("name", ""),
        time_zone=fields.get("time_zone", ""),
        language=fields.get("language", ""),
        topics=_named(fields, TOPIC),
        attributes=attributes,
    )


def _named(fields: dict[str, str], prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value
        for name, value in fields.items()
        if name.startswith(prefix) and value
    }


async def _profile(request: Request) -> Profile:
    return profile_of(await request.form(max_files=0, max_fields=1000))


#: What the form of a request says of a person.
WantedProfile = Annotated[Profile, Depends(_profile)]

BY_ADDRESS = SortOrder(col(Subscriber.key), col(Subscriber.id))

BY_NAME = SortOrder(col(Subscriber.name_key), col(Subscriber.id))

NEWEST = SortOrder(col(Subscriber.id), col(Subscriber.id), descending=True)

#: People found by their name, shown below those found by their address.
NAMESAKES = 10

Field = Annotated[str, Form(max_length=4000)]


@router.get("/subscribers", **allow(Role.VIEWER))
def subscribers(
    session: Reading,
    me: Me,
    q: str = "",
    begins: StartsWith = StartsWith.ADDRESS,
    status: str = "",
    topic: int | None = None,
    sort: str = "address",
    cursor: str = "",
) -> Response:
    """List people, a page at a time; `q` is how an address or a name begins."""
    known = status if status in set(SubscriberStatus) else ""
    wanted = SubscriberFilter(
        q, begins, SubscriberStatus(known) if known else None, topic
    )
    found = _found(session, wanted, sort, cursor)
    first = bool(q) and not cursor and begins is StartsWith.ADDRESS
    return page(
        "subscribers",
        found=found,
        namesakes=_namesakes(session, wanted, found) if first else [],
        wanted=wanted,
        sort=sort,
        path=_path(wanted, sort),
        statuses=[each.value for each in SubscriberStatus],
        topics=session.exec(select(Topic).order_by(col(Topic.name))).all(),
        heads=latest(session, HeadcountKind.STATUS),
        may_edit=may(me, Role.LIST_MANAGER),
    )


def _found(
    session: Session, wanted: SubscriberFilter, sort: str, cursor: str
) -> ListPage[Any]:
    order, place = BY_ADDRESS, _by_address
    if wanted.start and wanted.begins is StartsWith.NAME:
        order, place = BY_NAME, _by_name
    elif sort == "newest" and not wanted.start:
        order, place = NEWEST, _by_id
    return listed(session, people(session, wanted), order, cursor, place=place)


def _namesakes(
    session: Session, wanted: SubscriberFilter, found: ListPage[Any]
) -> list[Subscriber]:
    """Return some with names that begin so, without those found by their address."""
    by_name = SubscriberFilter(
        wanted.start, StartsWith.NAME, wanted.status, wanted.topic_id
    )
    some = people(session, by_name).order_by(*BY_NAME.terms()).limit(NAMESAKES)
    shown = {each.id for each in found.rows}
    return [each for each in session.execute(some).scalars() if each.id not in shown]


def _by_address(each: Subscriber) -> tuple[Any, Any]:
    return each.key, each.id


def _by_name(each: Subscriber) -> tuple[Any, Any]:
    return each.name_key, each.id


def _by_id(each: Subscriber) -> tuple[Any, Any]:
    return each.id, each.id


def _path(wanted: SubscriberFilter, sort: str) -> str:
    """Return the address of this list without its cursor."""
    asked = {
        "q": wanted.start,
        "begins": "" if wanted.begins is StartsWith.ADDRESS else wanted.begins.value,
        "status": wanted.status.value if wanted.status else "",
        "topic": str(wanted.topic_id or ""),
        "sort": "" if sort == "address" else sort,
    }
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/subscribers?{query}" if query else "/subscribers"


@router.get("/subscribers/export.csv", **allow(Role.LIST_MANAGER))
def export(
    request: Request,
    of_file: FileSegments,
    user_name: UserName,
    now: Now,
    segment: str = "",
) -> Response:
    """Return everybody, or the audience of a segment, as a roster."""
    engine: Engine = request.app.state.engine
    with transaction(engine) as session:
        chosen = named(session, of_file, segment) if segment else None
        audit.record(
            session, "subscribers", "export", by=user_name, now=now, segment=segment
        )
    rows = _rows(engine, chosen)
    return as_csv("subscribers.csv", next(rows), rows)


def _rows(engine: Engine, segment: Segment | None) -> Iterator[list[str]]:
    with reading(engine) as session:
        header, rows = import_export.table(session, segment=segment)
        yield header
        yield from rows


@router.get("/subscribers/new", **allow(Role.LIST_MANAGER))
def new(session: Reading) -> Response:
    """Show the form for one more person."""
    return page("subscriber-new", topics=_topics(session))


@router.post("/subscribers", **allow(Role.LIST_MANAGER))
def add(
    session: Writing,
    user_name: UserName,
    now: Now,
    address: Field,
    name: Field = "",
    time_zone: Field = "",
    language: Field = "",
    topic: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Add a person, or add to what is known of one."""
    added = roster_add(
        session,
        address,
        name=name,
        topics=topic or [],
        time_zone=time_zone,
        language=language,
        now=now,
    )
    audit.record(session, f"subscriber {added}", "add", by=user_name, now=now)
    return done(f"/subscribers/{added}", f"{address} is there.")


@router.get("/subscribers/{subscriber_id}", **allow(Role.VIEWER))
def show(
    subscriber_id: int, session: Reading, me: Me, before: int | None = None
) -> Response:
    """Show what is known of a person, and what happened with them."""
    person = change.find(session, subscriber_id)
    return page(
        "subscriber",
        person=person,
        profile=change.profile(session, person),
        suppressed=session.get(Suppression, person.key),
        preferences=session.get(DeliveryPreferences, subscriber_id),
        history=history(session, person, before=before),
        may_edit=may(me, Role.LIST_MANAGER),
        may_lift=may(me, Role.ADMIN),
    )


@router.get("/subscribers/{subscriber_id}/edit", **allow(Role.LIST_MANAGER))
def edit(subscriber_id: int, session: Reading) -> Response:
    """Show the form for changing a person."""
    person = change.find(session, subscriber_id)
    profile = change.profile(session, person)
    return page(
        "subscriber-edit",
        person=person,
        profile=profile,
        topics=_topics(session, profile.topics),
        frequencies=[each.value for each in Frequency],
    )


@router.post("/subscribers/{subscriber_id}", **allow(Role.LIST_MANAGER))
def save(
    subscriber_id: int,
    session: Writing,
    wanted: WantedProfile,
    user_name: UserName,
    now: Now,
) -> Response:
    """Change a person."""
    entry = change.edit(session, subscriber_id, wanted, by=user_name, now=now)
    here = f"/subscribers/{subscriber_id}"
    if entry is None:
        return done(here, "Nothing was different.")
    return done(here, "It is changed.", undo=f"{here}/undo/{entry}")


@router.post("/subscribers/{subscriber_id}/undo/{entry}", **allow(Role.LIST_MANAGER))
def undo(
    subscriber_id: int, entry: int, session: Writing, user_name: UserName, now: Now
) -> Response:
    """Take a change back."""
    change.undo(session, entry, by=user_name, now=now)
    return done(f"/subscribers/{subscriber_id}", "It is as it was.")


@router.post("/subscribers/{subscriber_id}/suppress", **allow(Role.LIST_MANAGER))
def stop(
    subscriber_id: int, session: Writing, user_name: UserName, now: Now, words: Field
) -> Response:
    """Send a person no more mail."""
    address = change.find(session, subscriber_id).address
    entry = suppression.suppress_by_hand(session, address, words, by=user_name, now=now)
    undo = f"/suppressions/undo/{entry}"
    here = f"/subscribers/{subscriber_id}"
    return done(here, f"{address} gets no more mail.", undo=undo)


def _topics(session: Session, followed: Collection[str] = ()) -> list[Topic]:
    """Return the topics to choose from; a retired one only where it is followed."""
    known = session.exec(select(Topic).order_by(col(Topic.name)))
    return [each for each in known if not each.retired or each.name in followed]
