"""Consent: whoever may not be watched gets a mail that cannot tell who reads it."""

import re

import pytest

from flashmail.delivery.handover import may_be_watched
from flashmail.links import NOBODY, Purpose
from flashmail.message import TOKEN, WATCH, Message, mark
from flashmail.message.mime import Compiled
from flashmail.rendering import Renderer
from flashmail.rendering.finish import watched
from flashmail.settings import Tracking
from flashmail.transports import Recipient
from flashmail.transports.sendgrid_body import SendGridMail
from office import LINKS, Office
from test_render import FULL, SITE, TEMPLATES

PAGE = watched(
    f'<body><a href="{LINKS.click(1)}">read</a>'
    f'<img src="{LINKS.pixel()}" width="1" height="1" alt=""></body>',
    LINKS,
)
DATE = "Mon, 02 Mar 2026 12:00:00 +0000"


@pytest.mark.parametrize(
    ("tracking", "consent", "watched"),
    [
        (Tracking.REFUSABLE, None, True),
        (Tracking.REFUSABLE, True, True),
        (Tracking.REFUSABLE, False, False),
        (Tracking.CONSENT, None, False),
        (Tracking.CONSENT, True, True),
        (Tracking.CONSENT, False, False),
        (Tracking.OFF, True, False),
    ],
)
def test_the_house_decides_and_the_reader_before_it(
    tracking: Tracking, consent: bool | None, watched: bool
) -> None:
    assert may_be_watched(consent, tracking) is watched


def sent_to(office: Office, name: str, consent: bool | None) -> Recipient:
    office.subscribe(name, "Iran", tracking_consent=consent)
    office.schedule(page=PAGE)
    office.send_all()
    return next(to for _, to in office.post.sent if to.address.startswith(name.lower()))


def wire(recipient: Recipient) -> bytes:
    headers = (("From", "B <b@example.org>"), ("Message-ID", f"<{mark(TOKEN)}@x.org>"))
    message = Message("Storm", PAGE, "text", headers)
    return Compiled(message).fill(recipient.address, recipient.values, DATE)


def test_on_the_wire_nothing_tells_who_reads_without_consent(office: Office) -> None:
    boris = sent_to(office, "Boris", False)

    body = wire(boris).partition(b"\r\n\r\n")[2].replace(b"=\r\n", b"")

    assert office.token(Purpose.WATCH, 1).encode() not in body
    assert b"<img" not in body
    assert office.token(Purpose.WATCH, NOBODY).encode() + b"/1" in body


def test_who_may_be_watched_gets_pixel_and_links_of_their_own(office: Office) -> None:
    anne = sent_to(office, "Anne", None)

    body = wire(anne).partition(b"\r\n\r\n")[2].replace(b"=\r\n", b"")

    own = office.token(Purpose.WATCH, 1).encode()
    assert b"/o/" + own + b".gif" in body.replace(b"=2E", b".")
    assert b"/c/" + own + b"/1" in body
    assert b"/h/" + own in body


def test_sendgrid_is_told_the_same(office: Office) -> None:
    boris = sent_to(office, "Boris", False)
    anne = sent_to(office, "Anne", True)
    headers = (("From", "B <b@example.org>"),)
    mail = SendGridMail(Message("Storm", PAGE, "text", headers))

    theirs = [
        {value for value in mail.personalization(each)["substitutions"].values()}
        for each in (boris, anne)
    ]

    assert theirs[0] == {"", office.token(Purpose.WATCH, NOBODY)}
    assert any(value.startswith("<img src=") for value in theirs[1])


def test_a_rendered_mail_has_one_pixel_and_one_trap() -> None:
    html = Renderer([TEMPLATES], SITE).render(FULL).message.html

    assert html.count("\x01pixel|") == 1
    assert html.count(f"/h/{mark(WATCH)}") == 1
    trap = re.search(r"<a [^>]*/h/[^>]*></a>", html)
    assert trap is not None
    assert 'aria-hidden="true"' in trap[0]
    assert "display:none" in trap[0]
