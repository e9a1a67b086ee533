"""Staff: accounts, their roles and topics."""

from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response
from pydantic import BaseModel
from sqlmodel import Session

from flashmail.audience.topics import topic_ids
from flashmail.errors import WrongInput
from flashmail.model import Role
from flashmail.staff import members, permissions, sign_in
from flashmail.web.dependencies import Now, Reading, User, Writing
from flashmail.web.page import done, page
from flashmail.web.policy import allow

router = APIRouter()

Topics = Annotated[list[str], Form()]


class NewStaffForm(BaseModel):
    """A new account."""

    name: str
    address: str
    role: Role = Role.VIEWER
    topics: list[str] = []


@router.get("/staff", **allow(Role.ADMIN))
def list_all(session: Reading) -> Response:
    """List the accounts."""
    return page("staff", staff=members.everybody(session), **_choices(session))


@router.post("/staff", **allow(Role.ADMIN))
def add(
    session: Writing, user: User, form: Annotated[NewStaffForm, Form()]
) -> Response:
    """Let somebody sign in; their first password is shown once."""
    password = members.new_password()
    topics = _known(session, form.topics)
    added = members.add(
        session,
        form.name.strip(),
        form.address,
        form.role,
        password,
        topics=topics,
        by=user.name,
        now=user.now,
    )
    return page("staff-secret", person=added.name, password=password, recovery=[])


@router.get("/staff/{staff_id}", **allow(Role.ADMIN))
def look(staff_id: int, session: Reading, now: Now) -> Response:
    """Show one of the staff, and what can be changed."""
    found = members.of(session, staff_id)
    return page(
        "staff-member",
        it=found,
        sign_ins=sign_in.sign_ins(session, found),
        used=permissions.used_today(session, found, now=now),
        **_choices(session),
    )


@router.post("/staff/{staff_id}/role", **allow(Role.ADMIN))
def change(
    staff_id: int,
    session: Writing,
    user: User,
    role: Annotated[Role, Form()],
    topics: Topics = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Change what somebody may do, and sign them out."""
    it = members.of(session, staff_id)
    limits = _known(session, topics)
    members.change_role(session, it, role, by=user.name, now=user.now)
    members.limit(session, it, limits, by=user.name, now=user.now)
    return done(f"/staff/{staff_id}", f"{it.name} has to sign in again.")


@router.post("/staff/{staff_id}/cap", **allow(Role.ADMIN))
def change_cap(
    staff_id: int,
    session: Writing,
    user: User,
    daily: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Say to how many people a day somebody may send; empty is no limit."""
    it, plain = members.of(session, staff_id), daily.replace(",", "").strip()
    if plain and not plain.isdecimal():
        raise WrongInput(f"{daily!r} is no number of people")
    number = int(plain) if plain else None
    members.cap(session, it, number, by=user.name, now=user.now)
    words = f"at most {number:,} people a day" if number is not None else "anybody"
    return done(f"/staff/{staff_id}", f"{it.name} may send to {words}.")


@router.post("/staff/{staff_id}/password", **allow(Role.ADMIN))
def renew(staff_id: int, session: Writing, user: User) -> Response:
    """Give somebody a new password, and sign them out everywhere."""
    it = members.of(session, staff_id)
    password = members.new_password()
    members.change_password(session, it, password, by=user.name, now=user.now)
    return page("staff-secret", person=it.name, password=password, recovery=[])


@router.post("/staff/{staff_id}/factor", **allow(Role.ADMIN))
def reset_factor(staff_id: int, session: Writing, user: User) -> Response:
    """Let somebody in without a second factor again; they set up a new one."""
    it = members.of(session, staff_id)
    members.drop_second_factor(session, it, by=user.name, now=user.now)
    return done(f"/staff/{staff_id}", f"{it.name} signs in by password alone now.")


@router.post("/staff/{staff_id}/let-go", **allow(Role.ADMIN))
def deactivate(staff_id: int, session: Writing, user: User) -> Response:
    """Let somebody sign in no more."""
    members.deactivate(
        session, members.of(session, staff_id), by=user.name, now=user.now
    )
    return done("/staff", "They may not sign in any more.")


@router.post("/staff/{staff_id}/take-on", **allow(Role.ADMIN))
def reactivate(staff_id: int, session: Writing, user: User) -> Response:
    """Let somebody sign in again."""
    members.reactivate(
        session, members.of(session, staff_id), by=user.name, now=user.now
    )
    return done(f"/staff/{staff_id}", "They may sign in again.")


def _known(session: Session, topics: list[str]) -> tuple[str, ...]:
    known = topic_ids(session)
    chosen = [each for each in topics if each]
    if unknown := [each for each in chosen if each not in known]:
        raise WrongInput(f"there is no topic {unknown[0]!r}")
    return tuple(chosen)


def _choices(session: Session) -> dict[str, Any]:
    return {"roles": list(Role), "topics": list(topic_ids(session))}
