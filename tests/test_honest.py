"""Honest engagement: a reader, a machine, or we cannot know; and what is kept of it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select, update

from flashmail.campaigns import lifecycle
from flashmail.database import reading, transaction
from flashmail.links import NOBODY, Purpose
from flashmail.model import Actor, EngagementTotal, Event, EventKind
from flashmail.reports.campaign import report
from flashmail.settings import Tracking
from flashmail.tracking import bot_detection
from flashmail.tracking.bot_detection import label, labels
from flashmail.tracking.engagement import erase, reclassify
from flashmail.tracking.hits import Hit, HitBuffer, keep
from flashmail.web.public.tracking import LinkCache
from office import NOON, Office

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)"
OPENED, CLICKED, TRAPPED = EventKind.OPENED, EventKind.CLICKED, EventKind.TRAPPED
HUMAN, MACHINE, UNKNOWN = Actor.HUMAN, Actor.MACHINE, Actor.UNKNOWN
LINKS = tuple(f"https://www.example.org/{n}" for n in range(1, 6))


def seen(kind: EventKind = OPENED, at: float = 3600, **told: Any) -> Event:
    """Return an event some seconds after its mail was delivered."""
    more: dict[str, Any] = {
        "seconds_after_delivery": at,
        "user_agent": "Firefox",
    } | told
    return Event(
        key=f"{kind}-{at}-{more.get('link')}",
        campaign_id=1,
        subscriber_id=1,
        kind=kind,
        at=NOON + timedelta(seconds=at),
        recorded_at=NOON,
        **more,
    )


@pytest.mark.parametrize(
    ("event", "actor", "why"),
    [
        (seen(), HUMAN, "a reader's program: Firefox"),
        (seen(user_agent=""), UNKNOWN, "too little"),
        (seen(provider_says_machine=True), MACHINE, "the provider says so"),
        (seen(user_agent=bot_detection.APPLE_AGENT), MACHINE, "Apple's proxy"),
        (seen(network="17.58.1.0/24"), MACHINE, "Apple's proxy"),
        (seen(CLICKED, link=1, network="17.58.1.0/24"), HUMAN, "Firefox"),
        (
            seen(CLICKED, link=1, user_agent=bot_detection.APPLE_AGENT),
            UNKNOWN,
            "too little",
        ),
        (seen(CLICKED, link=1, network="67.231.150.0/24"), MACHINE, "Proofpoint"),
        (seen(user_agent="machine: curl"), MACHINE, "it calls itself curl"),
        (seen(at=1), MACHINE, "1 s after it was delivered"),
        (seen(at=9), UNKNOWN, "9 s after it was delivered"),
        (seen(seconds_after_delivery=None), HUMAN, "Firefox"),
        (seen(user_agent="Gmail's picture proxy"), HUMAN, "when the mail is opened"),
        (seen(at=2, user_agent="Gmail's picture proxy"), MACHINE, "2 s after"),
    ],
)
def test_one_deed_is_judged(event: Event, actor: Actor, why: str) -> None:
    judged, reason = label(event)

    assert judged is actor
    assert why in reason


def actors(*events: Event) -> list[Actor]:
    judged = labels(events)
    return [judged[event.key][0] for event in events]


def test_who_falls_into_the_trap_did_what_is_around_it_too() -> None:
    opened, clicked, trap = (
        seen(at=60),
        seen(CLICKED, 61, link=1),
        seen(TRAPPED, 62),
    )
    later = seen(CLICKED, 4000, link=1)

    assert actors(opened, clicked, trap, later) == [MACHINE, MACHINE, MACHINE, HUMAN]


def test_all_links_at_once_were_not_chosen() -> None:
    burst = [seen(CLICKED, 600 + n, link=n) for n in range(1, 4)]
    two = [seen(CLICKED, 900, link=1), seen(CLICKED, 900.5, link=2)]
    calm = [seen(CLICKED, 2000, link=1), seen(CLICKED, 2030, link=2)]

    assert actors(*burst, *two, *calm) == [MACHINE] * 5 + [HUMAN] * 2


@pytest.mark.parametrize(
    ("says", "family"),
    [
        (FIREFOX, "Firefox"),
        (GMAIL, "Gmail's picture proxy"),
        ("Mozilla/5.0", bot_detection.APPLE_AGENT),
        ("", ""),
        ("   ", ""),
        ("curl/8.5", "machine: curl"),
        ("python-requests/2.31", "machine: python"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://x)", "machine: Googlebot"),
        ("BarracudaCentral/1.0", "machine: barracuda"),
        ("x" * 100_000, ""),
    ],
)
def test_programs_are_known_by_their_family(says: str, family: str) -> None:
    assert bot_detection.family(says) == family


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("testclient", ""),
        ("", ""),
    ],
)
def test_of_an_address_its_network_is_kept(address: str, kept: str) -> None:
    assert bot_detection.prefix(address) == kept


@pytest.fixture
def anne(office: Office) -> Office:
    """Anne got a mail with five links, an hour ago."""
    office.subscribe("Anne", "Iran")
    office.schedule(links=LINKS)
    office.send_all()
    office.later(hours=1)
    return office


def see(office: Office, kind: EventKind = OPENED, **told: Any) -> None:
    """Let somebody open or click, now."""
    what: dict[str, Any] = {"link": None, "says": FIREFOX, "reader": 1, "campaign": 1}
    what |= told
    keep(
        office.engine,
        [
            Hit(
                kind,
                what["campaign"],
                what["reader"],
                what["link"],
                office.now,
                what["says"],
                "192.0.2.77",
            )
        ],
        for_=told.get("for_"),
    )


def events(office: Office) -> list[tuple[EventKind, int | None, Actor]]:
    with reading(office.engine) as session:
        found = session.exec(
            select(Event).order_by(col(Event.at), col(Event.key))
        ).all()
        return [(e.kind, e.link, e.actor) for e in found]


def test_what_is_kept_of_an_opening_names_no_address(anne: Office) -> None:
    see(anne)

    with reading(anne.engine) as session:
        event = session.exec(select(Event)).one()
    assert (event.user_agent, event.network) == ("Firefox", "192.0.2.0/24")
    assert event.seconds_after_delivery == 3600
    assert event.actor is HUMAN
    assert "192.0.2.77" not in event.model_dump_json()


def test_later_deeds_shed_light_on_earlier_ones(anne: Office) -> None:
    see(anne)
    see(anne, CLICKED, link=1)
    before = events(anne)
    anne.later(seconds=2)
    see(anne, TRAPPED)

    assert [actor for *_, actor in before] == [HUMAN, HUMAN]
    assert [actor for *_, actor in events(anne)] == [MACHINE] * 3
    assert anne.people(CLICKED) == 1


def test_the_first_opening_does_not_make_the_second_seem_quick(anne: Office) -> None:
    see(anne)
    anne.later(minutes=2)
    see(anne)

    with reading(anne.engine) as session:
        assert sorted(
            e.seconds_after_delivery or 0 for e in session.exec(select(Event))
        ) == [3600, 3720]


def test_judging_anew_comes_out_the_same(anne: Office) -> None:
    for seconds, link in ((0, 1), (1, 2), (1, 3), (600, 4)):
        anne.later(seconds=seconds)
        see(anne, CLICKED, link=link)
    before = events(anne)
    same = reclassify(anne.engine)
    with transaction(anne.engine) as session:
        session.execute(update(Event).values(actor=UNKNOWN, actor_reason=""))
    anew = reclassify(anne.engine, 1)

    assert (same, anew) == ((4, 0), (4, 4))
    assert events(anne) == before


def test_rates_are_a_range(office: Office) -> None:
    for name in ("Anne", "Boris", "Cleo", "Dora"):
        office.subscribe(name, "Iran")
    office.subscribe("Edna", "Iran", tracking_consent=False)
    office.schedule(links=LINKS)
    office.send_all()
    office.later(hours=1)
    see(office, reader=1)
    see(office, reader=2, says="")
    see(office, reader=3, says="Mozilla/5.0")

    told = office.report().as_json()

    assert told["opened"] == 3
    assert told["unwatched"] == 1
    assert told["engagement"]["opened"] == {
        "human": 1,
        "unknown": 1,
        "machine": 1,
        "rate": (0.25, 0.5),
    }


@pytest.mark.parametrize(
    ("tracking", "unwatched"),
    [(Tracking.REFUSABLE, 0), (Tracking.CONSENT, 1), (Tracking.OFF, 1)],
)
def test_who_is_not_watched_hangs_on_the_house(
    anne: Office, tracking: Tracking, unwatched: int
) -> None:
    with reading(anne.engine) as session:
        campaign = lifecycle.get_campaign(session, 1)
        told = report(session, campaign, tracking=tracking)

    assert told.unwatched == unwatched


def totals(office: Office) -> dict[tuple[EventKind, int, Actor], tuple[int, int]]:
    with reading(office.engine) as session:
        return {
            (row.kind, row.link, row.actor): (row.people, row.times)
            for row in session.exec(select(EngagementTotal))
        }


def test_what_is_nobodys_is_only_counted(anne: Office) -> None:
    for _ in range(2):
        see(anne, CLICKED, link=2, reader=NOBODY)
    see(anne, CLICKED, link=2, reader=NOBODY, says="curl/8")
    see(anne, CLICKED, link=2, reader=NOBODY, campaign=99)

    assert events(anne) == []
    assert totals(anne) == {
        (CLICKED, -1, HUMAN): (0, 2),
        (CLICKED, 2, HUMAN): (0, 2),
        (CLICKED, -1, MACHINE): (0, 1),
        (CLICKED, 2, MACHINE): (0, 1),
    }
    link = anne.report().links[1]
    assert (link.people, link.clicks, link.machine) == (0, 3, 1)


def test_erasing_people_keeps_the_totals(anne: Office) -> None:
    anne.hear("delivered")
    for seconds, link in ((0, 1), (1, 2), (1, 3), (600, 1)):
        anne.later(seconds=seconds)
        see(anne, CLICKED, link=link)
    see(anne)
    before = anne.report().as_json()
    early = erase(anne.engine, keep=timedelta(days=30), now=anne.now)
    anne.later(days=31)
    gone = erase(anne.engine, keep=timedelta(days=30), now=anne.now)

    assert (early, gone) == (0, 5)
    assert anne.report().as_json() == before
    assert [kind for kind, *_ in events(anne)] == [EventKind.DELIVERED]


def test_after_erasing_nothing_is_anybodys_again(anne: Office) -> None:
    anne.later(days=31)
    see(anne, CLICKED, link=1, for_=timedelta(days=30))

    assert events(anne) == []
    assert totals(anne)[CLICKED, 1, HUMAN] == (0, 1)


def test_sightings_wait_for_the_database(anne: Office) -> None:
    sightings = HitBuffer(anne.engine)
    lost = Hit(OPENED, 1, 1, None, anne.now, FIREFOX, "")
    with anne.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE event RENAME TO gone")
    sightings.note(lost)
    with anne.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO event")
    sightings.flush()

    assert anne.people(OPENED) == 1


def test_the_trap_leads_to_the_mail_itself(anne: Office, client: TestClient) -> None:
    token = anne.token(Purpose.WATCH)

    answer = client.get(f"/h/{token}")

    assert (answer.status_code, answer.headers["location"]) == (302, f"/v/{token}")
    assert events(anne) == [(TRAPPED, None, MACHINE)]


def test_a_shared_link_leads_on_and_shows_the_mail(
    anne: Office, client: TestClient
) -> None:
    token = anne.token(Purpose.WATCH, NOBODY)

    assert client.get(f"/c/{token}/1").headers["location"] == LINKS[0]
    assert client.get(f"/v/{token}").status_code == 200
    assert events(anne) == []


@pytest.mark.parametrize("number", ["0", "9", "-1", "x", "9" * 5000, "١"])
def test_a_link_that_is_none_leads_nowhere(
    anne: Office, client: TestClient, number: str
) -> None:
    answer = client.get(f"/c/{anne.token(Purpose.WATCH)}/{number}")

    assert answer.status_code == 404
    assert events(anne) == []


def test_links_lead_on_while_the_database_is_away(anne: Office) -> None:
    leads = LinkCache(anne.engine, fresh=0)
    before = asyncio.run(leads.of(1, 1))
    with anne.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE link RENAME TO gone")
    after = asyncio.run(leads.of(1, 1))
    with anne.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO link")

    assert before == after == LINKS[0]


def test_asking_for_the_head_is_no_opening(anne: Office, client: TestClient) -> None:
    answer = client.head(f"/o/{anne.token(Purpose.WATCH)}.gif")

    assert answer.status_code == 200
    assert events(anne) == []
