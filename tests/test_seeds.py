"""Seeds: mailboxes of our own say how long urgent mail takes, and where it ends up."""

import logging
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from flashmail.database import reading
from flashmail.errors import WrongInput
from flashmail.links import Purpose
from flashmail.settings import load
from flashmail.tracking.seeds import SeedResult, raise_alarm, seed_results
from office import Office

LATE = timedelta(minutes=5)


class Mailbox:
    """A Maildir into which mails fall."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for each in ("", ".Junk"):
            for place in ("new", "cur", "tmp"):
                (folder / each / place).mkdir(parents=True)

    def take(self, office: Office, head: str, *, spam: bool = False) -> None:
        """Let a mail arrive now."""
        received = f"Received: from a by b; {format_datetime(office.now)}\n"
        place = self.folder / (".Junk" if spam else "") / "new"
        (place / str(len(list(place.iterdir())))).write_text(f"{received}{head}\n\nx\n")


@pytest.fixture
def gmail(tmp_path: Path) -> Mailbox:
    return Mailbox(tmp_path / "gmail")


def urgent(office: Office) -> str:
    """Send something urgent to Anne, who is our seed; return her mail's Message-ID."""
    office.subscribe("Boris", "Iran")
    office.subscribe("Anne", "Iran", attributes={"seed": "gmail"})
    office.schedule(urgent=True)
    office.send_all()
    return f"Message-ID: <{office.token(Purpose.WATCH, 2)}@example.org>"


def said(office: Office, gmail: Mailbox) -> list[SeedResult]:
    with reading(office.engine) as session:
        return seed_results(
            session,
            office.tokens,
            {"gmail": gmail.folder},
            late_after=LATE,
            now=office.now,
        )


def test_the_way_into_the_inbox_is_timed(office: Office, gmail: Mailbox) -> None:
    message_id = urgent(office)
    office.later(seconds=42)
    gmail.take(office, message_id)
    office.later(hours=1)

    (anne,) = said(office, gmail)

    assert (anne.provider, anne.address) == ("gmail", "anne@example.org")
    assert (anne.seconds, anne.alarming) == (42, False)
    assert anne.words == "in the inbox after 42 s"


def test_the_way_to_leave_tells_whose_mail_it_is_too(
    office: Office, gmail: Mailbox
) -> None:
    urgent(office)
    leave = office.token(Purpose.LEAVE, 2)
    gmail.take(
        office,
        f"Message-ID: <x@sendgrid>\nList-Unsubscribe: <https://m.example.org/u/{leave}>",
    )

    assert said(office, gmail)[0].seconds == 0


def test_what_does_not_arrive_is_late_and_then_an_alarm(
    office: Office, gmail: Mailbox
) -> None:
    urgent(office)
    gmail.take(office, "Message-ID: <" + "0" * 48 + "@example.org>")
    before = said(office, gmail)
    office.later(minutes=6)

    assert [each.words for each in before] == ["has not arrived yet"]
    assert [each.words for each in said(office, gmail)] == [
        "has not arrived, and is late"
    ]


def test_what_lies_among_the_spam_is_an_alarm(office: Office, gmail: Mailbox) -> None:
    gmail.take(office, urgent(office), spam=True)

    assert said(office, gmail)[0].words == "among the spam after 0 s"
    assert said(office, gmail)[0].alarming


def test_only_urgent_mail_is_witnessed(office: Office, gmail: Mailbox) -> None:
    office.subscribe("Anne", "Iran", attributes={"seed": "gmail"})
    office.schedule()
    office.send_all()

    assert said(office, gmail) == []


def test_an_alarm_is_raised_once(
    office: Office, gmail: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    urgent(office)
    office.later(minutes=6)
    told: set[SeedResult] = set()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            raise_alarm(said(office, gmail), told)

    assert caplog.messages == [
        "urgent campaign 1 at gmail: has not arrived, and is late"
    ]


def test_mailboxes_are_set_by_provider(tmp_path: Path) -> None:
    needed = {
        "FLASHMAIL_SECRET_KEY": "k" * 32,
        "FLASHMAIL_SENDER": "Briefs <b@example.org>",
        "FLASHMAIL_POSTAL_ADDRESS": "1 Example Street",
    }
    lines = [f"{name}={value}" for name, value in needed.items()]

    def with_seeds(text: str) -> None:
        (tmp_path / ".env").write_text("\n".join([*lines, f"FLASHMAIL_SEEDS={text}"]))

    with_seeds("gmail=/a, outlook = /b")
    assert load(tmp_path, {}).seeds == {"gmail": Path("/a"), "outlook": Path("/b")}
    with_seeds("gmail")
    with pytest.raises(WrongInput, match="provider=/path"):
        load(tmp_path, {})
