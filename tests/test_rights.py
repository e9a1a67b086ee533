"""Rights: what somebody limited to topics may see and send."""

import pytest

from flashmail.audience.segment import Segment
from flashmail.model import Campaign, Role, Staff
from flashmail.staff.permissions import may_see, may_send, topics_of
from office import NOON


def staff(role: Role, *topics: str, active: bool = True) -> Staff:
    return Staff(
        name="Edna",
        key="edna@example.org",
        role=role,
        topics=list(topics),
        password_hash="",
        active=active,
        created_at=NOON,
    )


def campaign(segment: Segment, *topics: str) -> Campaign:
    return Campaign(
        template="flash-brief",
        audience=segment.as_json(),
        topics=list(topics),
        subject="Storm",
        html="",
        text="",
        headers=[],
        envelope_sender="",
        content_hash="",
        created_at=NOON,
    )


@pytest.mark.parametrize(
    ("who", "topics", "allowed"),
    [
        (None, ["Iran"], True),
        (staff(Role.ADMIN), ["Iran"], True),
        (staff(Role.ADMIN, "Iran"), ["Pakistan"], True),
        (staff(Role.EDITOR), ["Iran"], True),
        (staff(Role.EDITOR), [], True),
        (staff(Role.EDITOR, "Iran"), ["Iran"], True),
        (staff(Role.EDITOR, "Iran", "Oil"), ["Iran"], True),
        (staff(Role.EDITOR, "Iran"), ["Iran", "Pakistan"], False),
        (staff(Role.EDITOR, "Iran"), ["iran"], False),
        (staff(Role.EDITOR, "Iran"), [], False),
        (staff(Role.EDITOR, active=False), ["Iran"], False),
        (staff(Role.LIST_MANAGER), ["Iran"], False),
        (staff(Role.VIEWER), ["Iran"], False),
    ],
)
def test_who_may_send_what(who: Staff | None, topics: list[str], allowed: bool) -> None:
    assert may_send(who, topics) is allowed


def test_a_viewer_sees_within_the_limit() -> None:
    assert may_see(staff(Role.VIEWER), ["Iran"])
    assert may_see(staff(Role.VIEWER, "Iran"), ["Iran"])
    assert not may_see(staff(Role.VIEWER, "Iran"), ["Pakistan"])


def test_a_segment_counts_as_much_as_the_brief() -> None:
    assert topics_of(campaign(Segment(any=("Pakistan",)), "Iran")) == {
        "Iran",
        "Pakistan",
    }
    assert topics_of(campaign(Segment(where='domain = "x.org"'), "Iran")) == set()
