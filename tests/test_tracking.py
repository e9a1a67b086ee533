"""Tracking: what the world reports, and what follows from it."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.event import listen
from sqlmodel import delete, insert, update

from examples import examples
from flashmail.database import transaction
from flashmail.errors import WrongInput
from flashmail.links import Purpose
from flashmail.model import (
    Delivery,
    DeliveryState,
    Event,
    EventKind,
    Subscriber,
    Suppression,
)
from flashmail.tracking import sendgrid_webhook
from flashmail.tracking.recording import record
from flashmail.tracking.rules import (
    STRENGTH,
    counts_as_soft_bounce,
    is_over_soft_bounce_limit,
    moved,
)
from flashmail.tracking.sendgrid_webhook import BadSignature
from flashmail.transports import Outcome
from office import NOON, Office
from webhook import TIMESTAMP, Webhook

S, E = DeliveryState, EventKind

ANNE = "anne@example.org"


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        (S.CLAIMED, E.DELIVERED, S.DELIVERED),
        (S.ARMED, E.DELIVERED, S.DELIVERED),
        (S.SENT, E.DELIVERED, S.DELIVERED),
        (S.UNKNOWN, E.DELIVERED, S.DELIVERED),
        (S.UNKNOWN, E.DEFERRED, S.SENT),
        (S.SENT, E.DEFERRED, S.SENT),
        (S.SENT, E.OPENED, S.DELIVERED),
        (S.DELIVERED, E.DELIVERED, S.DELIVERED),
        (S.DELIVERED, E.BOUNCED, S.BOUNCED),
        (S.BOUNCED, E.DELIVERED, S.BOUNCED),
        (S.BOUNCED, E.OPENED, S.BOUNCED),
        (S.SENT, E.BLOCKED, S.FAILED),
        (S.SENT, E.DROPPED, S.FAILED),
        (S.QUEUED, E.DELIVERED, S.QUEUED),
        (S.CANCELLED, E.DELIVERED, S.CANCELLED),
        (S.SKIPPED, E.BOUNCED, S.SKIPPED),
        (S.FAILED, E.OPENED, S.DELIVERED),
        (S.FAILED, E.BOUNCED, S.BOUNCED),
        (S.FAILED, E.DEFERRED, S.FAILED),
    ],
)
def test_an_event_moves_a_delivery(
    before: DeliveryState, event: EventKind, after: DeliveryState
) -> None:
    assert moved(before, event) is after


@pytest.mark.parametrize("before", DeliveryState)
def test_the_order_of_events_makes_no_difference(before: DeliveryState) -> None:
    for first, second in permutations(E, 2):
        there = moved(moved(before, first), second)
        assert there is moved(moved(before, second), first)
        # The stronger one alone leads to the same place.
        strongest = max(first, second, key=STRENGTH.__getitem__)
        assert there is moved(before, strongest)


def one_sent(office: Office) -> Office:
    office.subscribe("Anne", "Iran")
    office.schedule()
    office.send_all()
    return office


def test_what_is_told_twice_happened_once(office: Office) -> None:
    one_sent(office)

    assert (office.hear("open"), office.hear("open")) == (1, 0)
    assert office.people(E.OPENED) == 1


def test_events_may_come_in_any_order(office: Office) -> None:
    one_sent(office)

    for event in ("bounce", "open", "delivered"):
        office.hear(event)

    assert office.states() == {S.BOUNCED: 1}


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("bounce", "bounced"),
        ("spamreport", "complained"),
        ("unsubscribe", "unsubscribed"),
        ("group_unsubscribe", "unsubscribed"),
    ],
)
def test_who_bounces_complains_or_leaves_gets_no_more(
    office: Office, event: str, reason: str
) -> None:
    one_sent(office)
    office.hear(event)
    office.schedule("Calm")
    office.send_all()

    assert office.post.subjects == ["Storm"]
    assert office.get(Suppression, "anne@example.org").reason == reason
    assert office.get(Subscriber, 1).status == reason


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("Bounced Address", "bounced"),
        ("bounced address ", "bounced"),
        ("Invalid", "bounced"),
        ("Unsubscribed Address", "unsubscribed"),
        ("Spam Reporting Address", "complained"),
        ("Invalid SMTPAPI header", None),
        ("Spam Content (if spam checker app enabled)", None),
        ("Recipient List over Package Quota", None),
        ("bounced: really", None),
        (["Bounced Address"], None),
        (None, None),
    ],
)
def test_what_sendgrid_drops_because_of_the_reader_suppresses_the_reader(
    office: Office, reason: object, why: str | None
) -> None:
    one_sent(office)
    office.hear("dropped", reason=reason)

    assert office.states() == {S.FAILED: 1}
    assert getattr(office.get(Suppression, ANNE), "reason", None) == why
    assert office.people(E.COMPLAINED) == 0


@pytest.mark.parametrize("event", ["processed", "", None, 7])
def test_what_says_nothing_about_a_delivery_is_passed_over(
    office: Office, event: Any
) -> None:
    one_sent(office)

    assert office.hear(event) == 0


@pytest.mark.parametrize("event", ["group_resubscribe", "moon_phase", "x" * 900])
def test_what_nobody_knows_is_kept_and_changes_nothing(
    office: Office, event: str
) -> None:
    one_sent(office)
    office.hear("unsubscribe")
    before = office.states()

    assert office.hear(event, phase="waning", ip="192.0.2.7", sg_event_id="m") == 1
    assert office.hear(event, phase="waning", ip="192.0.2.7", sg_event_id="m") == 0

    kept = office.get(Event, "sendgrid:m")
    assert kept.kind is E.OTHER
    assert kept.detail.startswith(event[:100])
    assert len(kept.detail) <= sendgrid_webhook.DETAIL_LENGTH
    assert "192.0.2.7" not in kept.detail
    assert "somebody@example.org" not in kept.detail
    assert office.states() == before
    assert office.get(Suppression, ANNE).reason == "unsubscribed"
    assert office.report().as_json()["other"] == 1


def test_what_is_said_of_an_unknown_event_is_kept_as_it_was_said(
    office: Office,
) -> None:
    one_sent(office)

    office.hear("moon_phase", phase={"now": "waning"}, sg_event_id="m")

    assert office.get(Event, "sendgrid:m").detail == (
        'moon_phase: {"phase":{"now":"waning"}}'
    )


def test_an_unknown_event_settles_nothing_that_is_unknown(office: Office) -> None:
    office.post.outcome = Outcome.UNKNOWN
    one_sent(office)

    office.hear("moon_phase")

    assert office.states() == {S.UNKNOWN: 1}


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({}, E.BOUNCED),
        ({"type": "bounce", "status": "5.1.1"}, E.BOUNCED),
        ({"type": "blocked"}, E.BLOCKED),
        ({"type": "expired"}, E.BLOCKED),
        ({"type": ["bounce"]}, E.BLOCKED),
        ({"type": "bounce", "status": "4.2.2"}, E.BLOCKED),
    ],
)
def test_a_bounce_is_one_only_if_it_is_for_good(
    told: dict[str, Any], kind: EventKind
) -> None:
    assert sendgrid_webhook.kind_of({"event": "bounce"} | told) is kind


@pytest.mark.parametrize(
    ("told", "at"),
    [
        (NOON.timestamp() - 60, NOON - timedelta(minutes=1)),
        (NOON.timestamp() + 60, NOON + timedelta(minutes=1)),
        (NOON.timestamp() + 301, NOON),
        (NOON.timestamp() * 1000, NOON),
        (str(int(NOON.timestamp())), NOON),
        ("soon", NOON),
        (None, NOON),
        ([], NOON),
    ],
)
def test_a_moment_that_cannot_be_loses_no_event(
    office: Office, told: object, at: datetime
) -> None:
    body = office.webhook.body("bounce", office.token(Purpose.WATCH), timestamp=told)

    kept = list(sendgrid_webhook.events(body, office.tokens, now=NOON))

    assert [event.at for event in kept] == [at]


@pytest.mark.parametrize("told", [7, "x" * 10_000, "a\u0000b", "\u202eabc"])
def test_an_odd_key_is_a_key(office: Office, told: object) -> None:
    one_sent(office)

    assert office.hear("open", sg_event_id=told) == 1
    assert office.hear("open", sg_event_id=told) == 0


@pytest.mark.parametrize("told", ["", None, True, 1.5, [], {}])
def test_no_key_is_none(office: Office, told: object) -> None:
    one_sent(office)

    assert office.hear("open", sg_event_id=told) == 0


def test_a_mail_blocked_once_does_not_cost_the_reader_the_next(office: Office) -> None:
    one_sent(office)
    office.hear("bounce", type="blocked")
    office.schedule("Calm")
    office.send_all()

    assert office.post.subjects == ["Storm", "Calm"]
    assert office.states() == {S.FAILED: 1}


SOFT = {"type": "blocked", "reason": "552 5.2.2 mailbox full"}


def bounce_softly(office: Office, days: int, **told: Any) -> None:
    """Send a mail a day, each of which comes back."""
    for day in range(days):
        campaign = office.schedule(f"Storm {day}")
        office.send_all()
        token = office.token(Purpose.WATCH, campaign=campaign)
        at = office.now.timestamp()
        event: dict[str, Any] = {
            "fm_delivery": token,
            "sg_event_id": token,
            "timestamp": at,
        }
        office.hear("bounce", **SOFT | event | told)
        office.later(days=1)


@pytest.mark.parametrize(("days", "sent"), [(4, 5), (5, 5), (8, 5)])
def test_a_mailbox_full_on_five_days_gets_no_more(
    office: Office, days: int, sent: int
) -> None:
    office.subscribe("Anne", "Iran")
    bounce_softly(office, days)
    office.schedule("Calm")
    office.send_all()

    assert len(office.post.sent) == sent
    assert (office.get(Suppression, ANNE) is None) == (days < 5)


def test_mail_blocked_because_of_us_costs_no_reader(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    bounce_softly(office, 8, reason="550 5.7.1 your server is listed")

    assert len(office.post.sent) == 8


def test_a_mail_that_arrives_makes_good_what_was_before(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    bounce_softly(office, 4)
    campaign = office.schedule("Calm")
    office.send_all()
    token = office.token(Purpose.WATCH, campaign=campaign)
    office.hear("delivered", fm_delivery=token)
    office.later(days=1)
    bounce_softly(office, 4)

    assert office.get(Suppression, ANNE) is None


def test_a_mail_that_nobody_complained_about_has_arrived(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    bounce_softly(office, 3)
    office.schedule("Calm")
    office.send_all()
    office.later(days=7)
    bounce_softly(office, 4)

    assert office.get(Suppression, ANNE) is None


@pytest.mark.parametrize(
    ("soft", "arrived", "gone"),
    [
        ([], [], False),
        ([1, 2, 3, 4], [], False),
        ([1, 2, 3, 4, 5], [], True),
        ([5, 3, 1, 4, 2], [], True),
        ([1, 1.1, 1.2, 1.3, 1.4], [], False),
        ([1, 8, 15, 22, 29], [], True),
        ([1, 9, 17, 25, 33], [], False),
        ([1, 2, 3, 4, 5], [0], True),
        ([1, 2, 3, 4, 5], [3.5], False),
        ([1, 2, 3, 4, 5], [6], True),
        ([1, 2, 3, 4, 5, 6, 7], [2.5], True),
    ],
)
def test_soft_bounces_count_for_a_while(
    soft: list[float], arrived: list[float], gone: bool
) -> None:
    def at(days: list[float]) -> list[datetime]:
        return [NOON + timedelta(days=day) for day in days]

    assert is_over_soft_bounce_limit(at(soft), at(arrived)) is gone


@pytest.mark.parametrize(
    ("detail", "counts"),
    [
        ("5.2.2", True),
        ("552 5.2.2 mailbox full", True),
        ("452 over quota", True),
        ("4.4.1 connection timed out", True),
        ("550 5.7.1 blocked", False),
        ("4.7.0 try again later", False),
        ("421 too many connections", False),
        ("451 4.3.2 listed as spam source", False),
        ("", False),
    ],
)
def test_only_what_is_about_the_mailbox_wears_it_out(detail: str, counts: bool) -> None:
    assert counts_as_soft_bounce(E.BLOCKED, detail) is counts
    assert not counts_as_soft_bounce(E.DEFERRED, detail)


def test_an_event_settles_what_was_unknown(office: Office) -> None:
    office.post.outcome = Outcome.UNKNOWN
    one_sent(office)

    office.hear("delivered")

    assert office.states() == {S.DELIVERED: 1}


def test_the_first_reason_for_leaving_stays(office: Office) -> None:
    one_sent(office)
    office.hear("spamreport")
    office.hear("unsubscribe")

    assert office.get(Suppression, "anne@example.org").reason == "complained"


def test_reports_that_are_not_ours_are_passed_over(office: Office) -> None:
    one_sent(office)
    body = (
        b'[{"event":"open"}, 7, null, {"event":"bounce","sg_event_id":"x",'
        b'"fm_delivery":"'
        + b"0" * 48
        + b'","timestamp":1}, {"event":["open"]},'
        + office.webhook.body("open", office.token(Purpose.WATCH))[1:]
    )

    kept = list(sendgrid_webhook.events(body, office.tokens, now=NOON))

    assert [event.kind for event in kept] == [E.OPENED]


def test_a_delivery_that_never_was_has_no_events(office: Office) -> None:
    office.subscribe("Anne", "Iran")

    assert office.hear("bounce") == 0
    assert office.get(Suppression, "anne@example.org") is None


def people(office: Office, count: int) -> None:
    """Have a campaign that went out to many."""
    office.schedule()
    readers = [
        {"id": n, "address": f"{n}@example.org", "key": f"{n}@example.org"}
        | {"created_at": NOON, "name": "", "status": "active"}
        | {"time_zone": "", "language": "", "attributes": {}}
        for n in range(1, count + 1)
    ]
    sent = [
        {"campaign_id": 1, "subscriber_id": n, "state": S.SENT, "state_since": NOON}
        | {"attempts": 1, "reason": "", "retryable": False}
        for n in range(1, count + 1)
    ]
    with transaction(office.engine) as session:
        session.execute(insert(Subscriber), readers)
        session.execute(insert(Delivery), sent)


def posted(office: Office, reports: list[tuple[int, str]]) -> bytes:
    """Return a post that tells of several readers."""
    words = {kind: word for word, kind in reversed(sendgrid_webhook.KINDS.items())}
    told = []
    for number, (reader, kind) in enumerate(reports):
        blocked = {"type": "blocked"} if kind is E.BLOCKED else {}
        token = office.token(Purpose.WATCH, reader)
        body = office.webhook.body(words.get(E(kind), "bounce"), token, **blocked)
        told.append(json.loads(body)[0] | {"sg_event_id": f"{reader}-{kind}"})
        told[-1]["timestamp"] += number
    return json.dumps(told).encode()


def outcome(office: Office, bodies: list[bytes]) -> dict[str, Any]:
    """Hear some posts, say how things stand, and forget them again."""
    for body in bodies:
        with transaction(office.engine) as session:
            record(session, sendgrid_webhook.events(body, office.tokens, now=NOON))
    readers = range(1, 4)
    told = {
        "states": [office.get(Delivery, (1, n)).state for n in readers],
        "left": [office.get(Subscriber, n).status != "active" for n in readers],
        "kept": office.report().people,
    }
    with transaction(office.engine) as session:
        session.execute(delete(Event))
        session.execute(delete(Suppression))
        session.execute(update(Delivery).values(state=S.SENT))
        session.execute(update(Subscriber).values(status="active"))
    return told


REPORTS = st.lists(st.tuples(st.integers(1, 3), st.sampled_from(list(E))), max_size=12)


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(REPORTS, st.data())
def test_any_order_and_any_number_of_times_ends_alike(
    office: Office, reports: list[tuple[int, str]], data: st.DataObject
) -> None:
    if office.get(Subscriber, 1) is None:
        people(office, 3)
    shuffled = data.draw(st.permutations(reports))
    cut = data.draw(st.integers(0, len(reports)))
    singly = [posted(office, [each]) for each in reports]
    parts = [shuffled[:cut], shuffled[cut:], reports[:cut]]

    once = outcome(office, singly)

    assert outcome(office, [posted(office, part) for part in parts]) == once


TOLD = [kind for kind in E if kind is not E.ACCEPTED]

MIXED: dict[str, Callable[[int], str]] = {
    "delivered": lambda n: E.DELIVERED,
    "bounced": lambda n: E.BOUNCED,
    "mixed": lambda n: TOLD[n % len(TOLD)],
}


@pytest.mark.parametrize("kinds", MIXED)
def test_a_thousand_reports_at_once_take_few_statements(
    office: Office, kinds: str
) -> None:
    people(office, 1000)
    body = posted(office, [(n, MIXED[kinds](n)) for n in range(1, 1001)])
    events = list(sendgrid_webhook.events(body, office.tokens, now=NOON))
    said: list[str] = []
    listen(
        office.engine, "before_cursor_execute", lambda *told: said.append(str(told[2]))
    )

    with transaction(office.engine) as session:
        assert record(session, events) == 1000

    assert len(said) < 40


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"[", b"\xff"])
def test_a_body_that_is_no_list_is_refused(office: Office, body: bytes) -> None:
    with pytest.raises(WrongInput):
        list(sendgrid_webhook.events(body, office.tokens, now=NOON))


def test_a_signed_body_is_believed() -> None:
    hook, body = Webhook(), b"[]"
    signature = hook.headers(body)["X-Twilio-Email-Event-Webhook-Signature"]

    sendgrid_webhook.verify(
        body,
        signature=signature,
        timestamp=TIMESTAMP,
        public_key=hook.public_key,
        now=NOON,
    )


@pytest.mark.parametrize(("ahead", "believed"), [(299, True), (301, False)])
def test_what_is_signed_for_later_is_not_believed(ahead: int, believed: bool) -> None:
    hook, later = Webhook(), str(int(NOON.timestamp()) + ahead)
    signature = hook.headers(b"[]", later)["X-Twilio-Email-Event-Webhook-Signature"]

    def verify() -> None:
        sendgrid_webhook.verify(
            b"[]",
            signature=signature,
            timestamp=later,
            public_key=hook.public_key,
            now=NOON,
        )

    if believed:
        verify()
    else:
        with pytest.raises(BadSignature, match="in the future"):
            verify()


def test_that_the_provider_has_it_settles_what_was_unknown(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.post.outcome = Outcome.UNKNOWN
    office.schedule()
    office.send_all()

    assert office.hear("processed") == 1
    assert office.states() == {S.SENT: 1}


@pytest.mark.parametrize("odd", ['"\\ud800"', "NaN", "1e400"])
def test_one_odd_report_does_not_lose_the_others(office: Office, odd: str) -> None:
    one_sent(office)
    good = office.webhook.body("bounce", office.token(Purpose.WATCH))
    body = good[:-1] + f', {{"event": "bounce", "reason": {odd}}}]'.encode()

    kept = list(sendgrid_webhook.events(body, office.tokens, now=NOON))

    assert [event.kind for event in kept] == [E.BOUNCED]


@pytest.mark.parametrize(
    "lie",
    [
        {"body": b"[ ]"},
        {"public_key": Webhook().public_key},
        {"public_key": ""},
        {"public_key": "AAA"},
        {"signature": ""},
        {"signature": "AAA"},
        {"signature": "ü"},
        {"signature": "MAYCAQACAQA="},
        {"timestamp": "+772452800"},
        {"timestamp": "177245280"},
        {"timestamp": "١٧٧٢٤٥٢٨٠٠"},
        {"timestamp": ""},
    ],
)
def test_everything_else_is_not(lie: dict[str, str | bytes]) -> None:
    hook = Webhook()
    told = {
        "now": NOON,
        "body": b"[]",
        "signature": hook.headers(b"[]")["X-Twilio-Email-Event-Webhook-Signature"],
        "timestamp": TIMESTAMP,
        "public_key": hook.public_key,
    } | lie

    with pytest.raises(BadSignature):
        sendgrid_webhook.verify(**told)  # type: ignore[arg-type]


def test_who_opens_late_was_not_reached_late(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule()
    office.send_all()
    sent = office.get(Delivery, (1, 1)).state_since
    office.later(hours=3)

    office.hear("open")

    delivery = office.get(Delivery, (1, 1))
    assert (delivery.state, delivery.state_since) == (DeliveryState.DELIVERED, sent)
