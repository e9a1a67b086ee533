"""A newsroom: staff, signed in or not, and a draft that somebody wrote."""

from datetime import UTC, datetime

from fastapi.testclient import TestClient

from flashmail import briefs
from flashmail.database import transaction
from flashmail.model import Draft, DraftVersion, Role, SignIn, Staff
from flashmail.staff import permissions
from flashmail.staff.credentials import secret_hash
from office import NOON, Office

#: Of today, whatever day it is: a preflight looks at dates.
DRAFT = f"""---
title: Talks End
date: {datetime.now(UTC):%Y-%m-%d}
topics:
- Iran
---

## Latest Developments

Ministers signed on Monday.
"""


def hire(office: Office, name: str, role: Role = Role.EDITOR, *topics: str) -> Staff:
    """Have somebody on the staff. No password fits: see `enter`."""
    with transaction(office.engine) as session:
        staff = Staff(
            name=name,
            key=f"{name.lower()}@example.org",
            role=role,
            topics=list(topics),
            password_hash="",
            created_at=NOON,
        )
        session.add(staff)
    return staff


def token_for(office: Office, staff: Staff) -> str:
    """Have somebody signed in, without the time that a password takes."""
    token = f"token of {staff.key}"
    with transaction(office.engine) as session:
        assert staff.id is not None
        if session.get(SignIn, secret_hash(token)) is None:
            now = datetime.now(UTC)
            session.add(
                SignIn(token_hash=secret_hash(token), staff_id=staff.id, begun_at=now)
            )
    return token


def enter(client: TestClient, office: Office, staff: Staff) -> None:
    """Sit somebody down at the browser."""
    client.cookies.clear()
    client.cookies.set("flashmail", token_for(office, staff))


def written(
    office: Office,
    who: Staff | None = None,
    text: str = DRAFT,
    title: str = "Talks End",
) -> int:
    """Have a draft that somebody wrote; return its number."""
    office.topic("Iran")
    said = permissions.sign(who) if who else "Edna"
    with transaction(office.engine) as session:
        draft = Draft(
            title=title,
            markdown=text,
            topics=list(briefs.read(text).topics),
            created_at=NOON,
            created_by=said,
            changed_at=NOON,
            changed_by=said,
        )
        session.add(draft)
        session.flush()
        assert draft.id is not None
        session.add(
            DraftVersion(
                draft_id=draft.id, number=1, markdown=text, at=NOON, saved_by=said
            )
        )
        return draft.id


def rewritten(office: Office, draft_id: int, text: str, by: str = "Edna") -> None:
    """Have another form of a draft."""
    with transaction(office.engine) as session:
        draft = session.get_one(Draft, draft_id)
        draft.version += 1
        draft.markdown = text
        draft.topics = list(briefs.read(text).topics)
        session.add(
            DraftVersion(
                draft_id=draft_id,
                number=draft.version,
                markdown=text,
                at=NOON,
                saved_by=by,
            )
        )
