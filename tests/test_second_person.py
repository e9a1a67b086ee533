"""The second person: nobody approves their own, and nobody is stuck at 2 a.m."""

import pytest

from flashmail.database import transaction
from flashmail.errors import WrongInput
from flashmail.model import Campaign, Draft, DraftVersion, Role, Staff
from flashmail.staff import permissions
from flashmail.staff.permissions import Permission, PermissionDenied, permission
from newsroom import hire
from office import NOON, Office

REASON = "The ceasefire ended ten minutes ago."


def written_by(office: Office, wrote: Staff, made: Staff) -> None:
    """Campaign 1: one person wrote its brief, one made the campaign of it."""
    office.draft()
    with transaction(office.engine) as session:
        draft = Draft(
            title="Storm",
            markdown="",
            created_at=NOON,
            created_by=permissions.sign(wrote),
            changed_at=NOON,
            changed_by=permissions.sign(wrote),
        )
        session.add(draft)
        session.flush()
        assert draft.id is not None
        who = permissions.sign(wrote)
        session.add(
            DraftVersion(
                draft_id=draft.id, number=1, markdown="", at=NOON, saved_by=who
            )
        )
        session.flush()
        campaign = session.get_one(Campaign, 1)
        campaign.draft_id, campaign.draft_version = draft.id, 1
        campaign.created_by = permissions.sign(made)


def ask(office: Office, staff: Staff, reason: str = "") -> Permission:
    with transaction(office.engine) as session:
        campaign = session.get_one(Campaign, 1)
        return permission(session, staff, campaign, by=staff.name, reason=reason)


@pytest.fixture
def edna(office: Office) -> Staff:
    return hire(office, "Edna", Role.EDITOR)


def test_the_author_does_not_approve(office: Office, edna: Staff) -> None:
    ada = hire(office, "Ada", Role.ADMIN)
    written_by(office, edna, edna)

    with pytest.raises(PermissionDenied, match="another person"):
        ask(office, edna)
    assert ask(office, ada) == Permission("Ada")


def test_nor_who_made_the_campaign_nor_who_wrote_it(
    office: Office, edna: Staff
) -> None:
    fritz, ada = hire(office, "Fritz", Role.EDITOR), hire(office, "Ada", Role.ADMIN)
    written_by(office, edna, fritz)

    for author in (edna, fritz):
        with pytest.raises(PermissionDenied):
            ask(office, author)
    assert ask(office, ada)


def test_of_two_people_who_both_had_a_hand_in_it_the_writer_may(
    office: Office, edna: Staff
) -> None:
    fritz = hire(office, "Fritz", Role.EDITOR)
    written_by(office, edna, fritz)

    assert ask(office, edna)
    with pytest.raises(PermissionDenied):
        ask(office, fritz)


def test_who_is_alone_approves_alone(office: Office, edna: Staff) -> None:
    hire(office, "Vera", Role.VIEWER)
    hire(office, "Piet", Role.EDITOR, "Pakistan")
    written_by(office, edna, edna)

    assert ask(office, edna) == Permission("Edna")


def test_a_new_name_makes_no_second_person(office: Office, edna: Staff) -> None:
    hire(office, "Ada", Role.ADMIN)
    written_by(office, edna, edna)
    edna.name = "Edna Lee-Miller"

    with pytest.raises(PermissionDenied):
        ask(office, edna)


def test_breaking_the_glass_takes_a_reason(office: Office, edna: Staff) -> None:
    hire(office, "Ada", Role.ADMIN)
    written_by(office, edna, edna)

    with pytest.raises(WrongInput, match="in a sentence"):
        ask(office, edna, "urgent")
    assert ask(office, edna, f" {REASON} ") == Permission("Edna", REASON)


def test_a_second_person_breaks_no_glass(office: Office, edna: Staff) -> None:
    ada = hire(office, "Ada", Role.ADMIN)
    written_by(office, edna, edna)

    assert ask(office, ada, REASON) == Permission("Ada")


@pytest.mark.parametrize(
    ("role", "topics"),
    [(Role.VIEWER, []), (Role.LIST_MANAGER, []), (Role.EDITOR, ["Pakistan"])],
)
def test_no_reason_is_good_enough_for_what_one_may_not_send(
    office: Office, edna: Staff, role: Role, topics: list[str]
) -> None:
    other = hire(office, "Other", role, *topics)
    written_by(office, edna, edna)

    with pytest.raises(PermissionDenied, match="not for you"):
        ask(office, other, REASON)
