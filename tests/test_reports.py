"""Reports: what became of a campaign, over time, by groups, and for one person."""

from datetime import datetime, timedelta
from functools import partial

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from flashmail.database import reading, transaction
from flashmail.model import (
    Actor,
    Campaign,
    CampaignFigures,
    CampaignStatus,
    Delivery,
    DeliveryState,
    Event,
    EventKind,
    Subscriber,
    SubscriberStatus,
)
from flashmail.reports import breakdown, cached, dashboard, undelivered
from flashmail.reports.breakdown import by_domain, by_topic
from flashmail.reports.cached import comparison, measures
from flashmail.reports.campaign import EngagementCounts, readers
from flashmail.reports.undelivered import OTHERS, REASONS_SHOWN, Failure
from flashmail.settings import Tracking
from flashmail.tracking.engagement import erase
from office import NOON, TRACKING, Office

DESTINATION = "https://www.example.org/report"


@pytest.fixture
def storm(office: Office) -> Office:
    """Anne, Boris and Chloe have got a brief on Iran; Chloe's address is elsewhere."""
    office.topic("Iran Politics", parent="Iran")
    for name in ("Anne", "Boris", "Chloe"):
        office.subscribe(name, "Iran")
    with transaction(office.engine) as session:
        chloe = session.get_one(Subscriber, 3)
        chloe.address = chloe.key = "chloe@example.net"
    office.schedule(links=(DESTINATION,))
    office.send_all()
    return office


def again(office: Office, *, now: datetime) -> int:
    """Count what is due; return how much it was."""
    return cached.count_again(office.engine, now=now, tracking=TRACKING)


counted = partial(cached.figures, tracking=TRACKING)


def happened(
    office: Office,
    kind: EventKind,
    subscriber_id: int = 1,
    *,
    after: timedelta = timedelta(),
    actor: Actor = Actor.UNKNOWN,
    campaign_id: int = 1,
    link: int | None = None,
) -> None:
    """Have something in the log of events, as it was written down at the time."""
    with transaction(office.engine) as session:
        session.add(
            Event(
                key=f"{kind}{subscriber_id}{after}{actor}{campaign_id}",
                campaign_id=campaign_id,
                subscriber_id=subscriber_id,
                kind=kind,
                at=NOON + after,
                recorded_at=NOON + after,
                actor=actor,
                link=link,
            )
        )


def put(
    office: Office, state: DeliveryState, subscriber_id: int, **more: object
) -> None:
    with transaction(office.engine) as session:
        delivery = session.get_one(Delivery, (1, subscriber_id))
        delivery.state = state
        delivery.sqlmodel_update(more)


def test_who_opened_is_a_range(storm: Office) -> None:
    happened(storm, EventKind.OPENED, 1, actor=Actor.MACHINE)
    happened(storm, EventKind.OPENED, 1, actor=Actor.HUMAN)
    happened(storm, EventKind.OPENED, 2, actor=Actor.UNKNOWN)
    happened(storm, EventKind.OPENED, 3, actor=Actor.MACHINE)

    with reading(storm.engine) as session:
        found = readers(session, 1)

    assert found["opened"] == EngagementCounts(human=1, unknown=1, machine=1)
    assert (found["opened"].human, found["opened"].most) == (1, 2)
    assert found["clicked"] == EngagementCounts()


def test_the_lines_of_the_chart_end_at_the_number_of_people(storm: Office) -> None:
    happened(storm, EventKind.OPENED, 1, after=timedelta(minutes=1))
    happened(storm, EventKind.OPENED, 1, after=timedelta(minutes=2))
    happened(storm, EventKind.OPENED, 2, after=timedelta(minutes=4))
    happened(storm, EventKind.CLICKED, 2, after=timedelta(minutes=-3))

    with reading(storm.engine) as session:
        drawn = breakdown.timeline(session, session.get_one(Campaign, 1))

    assert drawn.minutes == 1
    assert drawn.times[0] == NOON + timedelta(minutes=1)
    assert drawn.lines["opened"] == (0, 1, 1, 1, 2)
    assert drawn.lines["clicked"] == (1, 1, 1, 1, 1)
    assert drawn.lines[breakdown.REACHED][-1] == 3


@pytest.mark.parametrize(
    ("last", "minutes"),
    [
        (timedelta(minutes=59), 1),
        (timedelta(minutes=60), 5),
        (timedelta(days=2), 60),
        (timedelta(days=400), 720),
    ],
)
def test_a_chart_has_no_more_steps_than_can_be_read(
    last: timedelta, minutes: int
) -> None:
    drawn = breakdown.drawn(NOON, {"opened": {NOON + last: 1}})

    assert drawn.minutes == minutes
    assert len(drawn.times) <= breakdown.STEPS_SHOWN


def test_domains_and_topics_say_what_became_of_their_readers(storm: Office) -> None:
    happened(storm, EventKind.OPENED, 1)
    put(storm, DeliveryState.BOUNCED, 3)

    with reading(storm.engine) as session:
        domains = by_domain(session, 1)
        topics = by_topic(session, session.get_one(Campaign, 1))

    assert [(d.name, d.addressed, d.bounced, d.opened) for d in domains] == [
        ("example.org", 2, 0, 1),
        ("example.net", 1, 1, 0),
    ]
    assert [(t.name, t.addressed, t.accepted, t.opened) for t in topics] == [
        ("Iran", 3, 3, 1)
    ]


def test_failures_say_whether_to_try_again(storm: Office) -> None:
    put(storm, DeliveryState.FAILED, 1, reason="450 later", retryable=True)
    put(storm, DeliveryState.FAILED, 2, reason="550 no", retryable=False)
    put(storm, DeliveryState.UNKNOWN, 3, reason="")

    with reading(storm.engine) as session:
        found = undelivered.failures(session, 1)
        again = undelivered.retryable(session, 1)

    advice = {each.reason: each.advice for each in found}
    assert "may help" in advice["450 later"]
    assert "would not help" in advice["550 no"]
    assert "second copy" in advice[""]
    assert again == 1


def test_rare_reasons_are_added_up() -> None:
    many = [
        Failure(DeliveryState.FAILED, f"reason {n}", 1, False)
        for n in range(REASONS_SHOWN + 5)
    ]

    shortened = undelivered.shortened(many)

    assert len(shortened) == REASONS_SHOWN + 1
    assert (shortened[-1].reason, shortened[-1].people) == (OTHERS, 5)


def test_a_campaign_is_compared_with_those_before(storm: Office) -> None:
    storm.schedule("Calm")
    storm.send_all()
    happened(storm, EventKind.OPENED, 1, campaign_id=2)

    with reading(storm.engine) as session:
        calm = session.get_one(Campaign, 2)
        past, found = comparison(session, calm, now=NOON, tracking=TRACKING)

    opened = next(each for each in found if each.name.startswith("opened"))
    assert past == 1
    assert opened.this == pytest.approx(1 / 3)
    assert opened.usual == 0


def test_nothing_sent_is_compared_with_nothing() -> None:
    nobody: dict[str, object] = {
        "addressed": 0,
        "accepted": 0,
        "states": {"bounced": 0, "failed": 0},
        "readers": {"opened": {"most": 0}, "clicked": {"most": 0}},
        "unsubscribed": 0,
        "complained": 0,
        "watched": 0,
    }

    assert {(each.this, each.usual) for each in measures(nobody, [])} == {(None, None)}


def test_what_was_counted_is_kept_until_it_is_too_old(storm: Office) -> None:
    again(storm, now=NOON)
    happened(storm, EventKind.OPENED, 1)

    def opened(after: timedelta) -> object:
        with reading(storm.engine) as session:
            campaign = session.get_one(Campaign, 1)
            now = NOON + after
            return cached.figures(
                session, campaign, cached.SUMMARY, now=now, tracking=TRACKING
            ).values["opened"]

    assert opened(timedelta(seconds=5)) == 0
    assert opened(timedelta(hours=5)) == 1


def test_old_campaigns_are_counted_less_often(storm: Office) -> None:
    assert again(storm, now=NOON) == 2
    assert again(storm, now=NOON) == 0
    assert (
        cached.count_again(
            storm.engine, now=NOON + timedelta(seconds=11), tracking=TRACKING
        )
        == 2
    )

    month = NOON + timedelta(days=30)
    assert again(storm, now=month) == 2
    assert (
        cached.count_again(
            storm.engine, now=month + timedelta(hours=1), tracking=TRACKING
        )
        == 0
    )
    assert (
        cached.count_again(
            storm.engine, now=month + timedelta(hours=8), tracking=TRACKING
        )
        == 2
    )
    with reading(storm.engine) as session:
        assert len(session.exec(select(CampaignFigures)).all()) == 2


def test_the_chart_outlives_what_people_did(storm: Office) -> None:
    happened(storm, EventKind.OPENED, 1, after=timedelta(minutes=1))
    again(storm, now=NOON)
    year = NOON + timedelta(days=400)

    erase(storm.engine, keep=timedelta(days=365), now=year)
    again(storm, now=year)

    with reading(storm.engine) as session:
        campaign = session.get_one(Campaign, 1)
        drawn = cached.figures(
            session, campaign, cached.DETAILS, now=year, tracking=TRACKING
        ).values
        told = cached.figures(
            session, campaign, cached.SUMMARY, now=year, tracking=TRACKING
        ).values
    assert drawn["timeline"]["lines"]["opened"][-1] == 1
    assert told["readers"]["opened"]["unknown"] == 1


def test_the_link_that_nobody_sees_is_no_click(storm: Office) -> None:
    happened(storm, EventKind.TRAPPED, 1)

    with reading(storm.engine) as session:
        campaign = session.get_one(Campaign, 1)
        assert breakdown.timeline(session, campaign).lines["clicked"][-1] == 0
        assert [each.clicked for each in by_domain(session, 1)] == [0, 0]


def test_the_newsroom_says_what_needs_a_person(storm: Office) -> None:
    storm.draft("Calm")
    put(storm, DeliveryState.FAILED, 1, retryable=True)
    put(storm, DeliveryState.UNKNOWN, 2)

    def needs(after: timedelta) -> list[tuple[str, str]]:
        with reading(storm.engine) as session:
            found = dashboard.Newsroom(session, NOON + after, TRACKING).needs()
        return [(each.campaign.subject, each.path) for each in found]

    waiting = ("Calm", "/campaigns/2")
    failed = ("Storm", "/campaigns/1/report#failures")
    assert needs(timedelta(minutes=1)) == [waiting, failed]
    assert needs(timedelta(hours=73)) == [waiting, failed, failed]
    assert needs(timedelta(days=20)) == [waiting]


@pytest.mark.parametrize(
    ("bounced", "complained", "words"),
    [
        (2, 0, []),
        (3, 0, ["3 % bounced"]),
        (0, 1, ["1 % complained of spam"]),
        (50, 2, ["50 % bounced", "2 % complained of spam"]),
    ],
)
def test_bounces_and_complaints_have_limits(
    bounced: int, complained: int, words: list[str]
) -> None:
    campaign = Campaign(status=CampaignStatus.SENT, started_at=NOON)  # type: ignore[call-arg]
    figures = {
        "missing": 0,
        "retryable": 0,
        "addressed": 100,
        "accepted": 100,
        "complained": complained,
        "states": {"unknown": 0, "bounced": bounced},
    }
    progress = dashboard.CampaignSummary(campaign, figures)

    assert [said for said, _ in dashboard.concerns(progress, now=NOON)] == words


def test_the_report_is_a_page(client: TestClient, storm: Office) -> None:
    happened(storm, EventKind.CLICKED, 1, actor=Actor.HUMAN)
    put(storm, DeliveryState.FAILED, 2, reason="450 <b>later</b>", retryable=True)

    answer = client.get("/campaigns/1/report")

    assert answer.status_code == 200
    assert "450 &lt;b&gt;later&lt;/b&gt;" in answer.text
    assert "flashmail campaign retry 1" in answer.text
    assert '<a href="/campaigns/1">the campaign' in answer.text
    assert DESTINATION in answer.text
    assert "example.net" in answer.text


def test_shares_of_readers_are_ranges_in_the_pages(
    client: TestClient, storm: Office
) -> None:
    happened(storm, EventKind.OPENED, 1, actor=Actor.HUMAN)
    happened(storm, EventKind.OPENED, 2, actor=Actor.UNKNOWN)

    pages = [client.get(path).text for path in ("/campaigns/1/report", "/")]

    assert all("33.3–66.7 %" in page for page in pages)


def test_a_draft_has_a_report_that_says_so(client: TestClient, office: Office) -> None:
    office.draft()

    assert "Nothing was sent yet" in client.get("/campaigns/1/report").text
    assert client.get("/campaigns/9/report").status_code == 404


def test_the_chart_has_its_lines(client: TestClient, storm: Office) -> None:
    happened(storm, EventKind.OPENED, 1, after=timedelta(minutes=2))

    drawn = client.get("/campaigns/1/report/timeline.json").json()

    assert drawn["lines"]["opened"] == [0, 0, 1]
    assert len(drawn["times"]) == 3


def test_one_may_ask_why_somebody_got_it(client: TestClient, storm: Office) -> None:
    happened(storm, EventKind.OPENED, 1)
    storm.suppress("Boris")

    def case(who: str) -> str:
        path = "/campaigns/1/report/why"
        return " ".join(client.get(path, params={"address": who}).text.split())

    assert "opened" in case("anne@example.org")
    assert "would get it, as anne@example.org follows Iran" in case("anne@example.org")
    assert "would not get it, as boris@example.org is suppressed" in case(
        "Boris@example.org"
    )
    assert "not addressed" in case("nobody@example.org")
    assert 'role="alert"' in case("nonsense")


def test_deliveries_are_a_file_that_no_spreadsheet_runs(
    client: TestClient, storm: Office
) -> None:
    put(storm, DeliveryState.FAILED, 2, reason="=cmd|' /C calc'!A0")

    answer = client.get("/campaigns/1/report/deliveries.csv")

    rows = answer.text.splitlines()
    assert rows[0] == '"address","state","reason","attempts"'
    assert rows[2].startswith('"boris@example.org","failed","\'=cmd')
    assert len(rows) == 4
    assert "attachment" in answer.headers["content-disposition"]


@pytest.mark.parametrize("path", ["", "?fresh=true"])
def test_pages_count_whom_the_installation_watches(
    client: TestClient, storm: Office, path: str
) -> None:
    assert isinstance(client.app, FastAPI)
    words = "3 do not want to be watched"
    assert words not in client.get(f"/campaigns/1/report{path}").text

    client.app.state.tracking = Tracking.CONSENT

    assert words in client.get(f"/campaigns/1/report{path}").text


def test_the_overview_moves_by_itself(client: TestClient, storm: Office) -> None:
    storm.schedule("Calm", at=NOON + timedelta(days=1))

    whole, live = client.get("/").text, client.get("/overview/live").text

    assert 'hx-get="/overview/live"' in whole
    assert "Storm" in live
    assert "Calm" in live
    assert "<html" not in live


def test_somebody_who_left_is_not_counted_as_active(office: Office) -> None:
    from flashmail.audience.counts import by_status
    from flashmail.audience.counts import by_topic as followers

    office.subscribe("Anne", "Iran")
    office.subscribe("Boris", "Iran", status=SubscriberStatus.UNSUBSCRIBED)

    with reading(office.engine) as session:
        assert by_status(session)["active"] == 1
        assert followers(session) == {"iran": 1}
