"""Tracking: what the world reports, and what follows from it."""

import pytest

from flashmail.errors import WrongInput
from flashmail.links import Purpose
from flashmail.model import DeliveryState, EventKind, Subscriber, Suppression
from flashmail.tracking import sendgrid
from flashmail.tracking.rules import moved
from flashmail.tracking.sendgrid import BadSignature
from flashmail.transports import Outcome
from office import NOON, Office
from webhook import TIMESTAMP, Webhook

S, E = DeliveryState, EventKind


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
    ],
)
def test_an_event_moves_a_delivery(
    before: DeliveryState, event: EventKind, after: DeliveryState
) -> None:
    assert moved(before, event) is after


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


def test_a_mail_blocked_once_does_not_cost_the_reader_the_next(office: Office) -> None:
    one_sent(office)
    office.hear("bounce", type="blocked")
    office.schedule("Calm")
    office.send_all()

    assert office.post.subjects == ["Storm", "Calm"]
    assert office.states() == {S.FAILED: 1}


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

    kept = list(sendgrid.events(body, office.tokens, now=NOON))

    assert [event.kind for event in kept] == [E.OPENED]


def test_a_delivery_that_never_was_has_no_events(office: Office) -> None:
    office.subscribe("Anne", "Iran")

    assert office.hear("bounce") == 0
    assert office.get(Suppression, "anne@example.org") is None


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"[", b"\xff"])
def test_a_body_that_is_no_list_is_refused(office: Office, body: bytes) -> None:
    with pytest.raises(WrongInput):
        list(sendgrid.events(body, office.tokens, now=NOON))


def test_a_signed_body_is_believed() -> None:
    hook, body = Webhook(), b"[]"
    signature = hook.headers(body)["X-Twilio-Email-Event-Webhook-Signature"]

    sendgrid.verify(
        body, signature=signature, timestamp=TIMESTAMP, public_key=hook.public_key
    )


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
        "body": b"[]",
        "signature": hook.headers(b"[]")["X-Twilio-Email-Event-Webhook-Signature"],
        "timestamp": TIMESTAMP,
        "public_key": hook.public_key,
    } | lie

    with pytest.raises(BadSignature):
        sendgrid.verify(**told)  # type: ignore[arg-type]
