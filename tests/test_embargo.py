"""The embargo: one gate, before which nobody outside sees a brief."""

from datetime import date, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from flashmail import briefs
from flashmail.briefs import Brief, BriefError
from flashmail.briefs.brief import Embargoed, lifted
from flashmail.campaigns import briefs as stored
from flashmail.campaigns import lifecycle
from flashmail.database import reading, transaction
from flashmail.delivery.starting import start_due_campaigns
from flashmail.links import Purpose
from flashmail.model import Campaign, CampaignStatus, StoredBrief
from office import NOON, Office

HEAD = "---\ntitle: Talks Open\ndate: 2026-03-02\nembargo: {}\n---\n"
LATER = NOON + timedelta(hours=3)
MOMENT = timedelta(seconds=1)


@pytest.mark.parametrize(
    "written",
    ["2026-03-02T15:00Z", "2026-03-02 16:00 Europe/Paris", "'2026-03-02 10:00-05:00'"],
)
def test_an_embargo_is_a_time_somewhere(written: str) -> None:
    brief = briefs.read(HEAD.format(written))

    assert brief.embargo == LATER
    assert briefs.as_json(brief)["embargo"] == "2026-03-02T15:00:00+00:00"


@pytest.mark.parametrize("written", ["2026-03-02 15:00", "tomorrow", "noon Paris"])
def test_an_embargo_that_is_no_time_is_refused_not_passed_over(written: str) -> None:
    with pytest.raises(BriefError, match="line 4: embargo"):
        briefs.read(HEAD.format(written))


def test_without_one_nothing_is_said() -> None:
    brief = Brief("Talks Open", date(2026, 3, 2))

    assert "embargo" not in briefs.write_markdown(brief)
    assert "embargo" not in briefs.as_json(brief)


@pytest.mark.parametrize("offset", [-MOMENT, timedelta(0), MOMENT])
def test_the_table_and_the_gate_agree(office: Office, offset: timedelta) -> None:
    with transaction(office.engine) as session:
        for text, until in (("a", None), ("b", LATER)):
            stored.store_brief(session, text, "", text, embargo=until, now=office.now)
    now = LATER + offset

    with reading(office.engine) as session:
        shown = session.exec(select(StoredBrief).where(StoredBrief.lifted(now))).all()
        every = session.exec(select(StoredBrief)).all()

    assert [each.title for each in shown] == [
        each.title for each in every if lifted(each.embargo_until, now=now)
    ]


@pytest.fixture
def embargoed(office: Office) -> Office:
    """Campaign 1 is approved; its brief is under embargo until three o'clock."""
    office.subscribe("Anne", "Iran")
    campaign_id = office.draft()
    office.approve(campaign_id)
    with transaction(office.engine) as session:
        brief_id = stored.store_brief(
            session, "Storm", "", "", embargo=LATER, now=office.now
        )
        session.get_one(Campaign, campaign_id).brief_id = brief_id
    return office


def schedule(office: Office, **when: float) -> None:
    with transaction(office.engine) as session:
        at = office.now + timedelta(**when)
        lifecycle.schedule(session, 1, at, by="Edna", now=office.now)


def test_it_cannot_be_scheduled_before(embargoed: Office) -> None:
    with pytest.raises(Embargoed, match="until 2026-03-02 15:00 UTC"):
        schedule(embargoed, hours=2)

    assert embargoed.status() is CampaignStatus.APPROVED


def test_it_goes_at_its_time(embargoed: Office) -> None:
    schedule(embargoed, hours=3)
    embargoed.later(hours=3)

    embargoed.send_all()

    assert embargoed.post.addresses == ["anne@example.org"]


def test_it_does_not_begin_before_whatever_the_calendar_says(
    embargoed: Office,
) -> None:
    schedule(embargoed, hours=3)
    with transaction(embargoed.engine) as session:
        session.get_one(Campaign, 1).send_at = embargoed.now

    start_due_campaigns(
        embargoed.engine,
        batch_size=10,
        missed_after=timedelta(minutes=15),
        now=embargoed.now,
    )

    assert embargoed.status() is CampaignStatus.MISSED
    assert "embargo" in embargoed.campaign().note


def test_the_web_view_waits_too(client: TestClient, office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule()
    office.send_all()
    path = f"/v/{office.token(Purpose.WATCH)}"
    assert client.get(path).status_code == 200
    with transaction(office.engine) as session:
        far = NOON + timedelta(days=36_500)
        brief_id = stored.store_brief(session, "Storm", "", "", embargo=far, now=NOON)
        session.get_one(Campaign, 1).brief_id = brief_id

    assert client.get(path).status_code == 404
