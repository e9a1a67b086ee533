"""Replies: whom they blame, and whether trying again makes sense."""

import pytest

from flashmail.transports import Outcome
from flashmail.transports.smtp.replies import Phase, Reply, verdict


@pytest.mark.parametrize(
    ("phase", "reply", "outcome"),
    [
        (Phase.DOT, Reply(250, "2.0.0 Queued"), Outcome.ACCEPTED),
        (Phase.RCPT, Reply(251, "Will forward"), Outcome.ACCEPTED),
        (Phase.RCPT, Reply(450, "4.2.0 Greylisted"), Outcome.LATER),
        (Phase.RCPT, Reply(550, "5.1.1 No such user"), Outcome.REFUSED),
        (Phase.RCPT, Reply(550, "no such user"), Outcome.REFUSED),
        (Phase.RCPT, Reply(550, "5.7.1 Relaying denied"), None),
        (Phase.RCPT, Reply(550, "5.7.54 SMTP; Unable to relay"), None),
        (Phase.RCPT, Reply(530, "5.7.0 Must issue STARTTLS"), None),
        (Phase.MAIL, Reply(553, "5.7.1 Not owned by user"), None),
        (Phase.MAIL, Reply(452, "4.3.1 No space"), Outcome.LATER),
        (Phase.DOT, Reply(550, "5.7.26 Unauthenticated"), None),
        (Phase.DOT, Reply(550, "5.7.27 No SPF"), None),
        (Phase.DOT, Reply(550, "5.7.515 Access denied"), None),
        (Phase.DOT, Reply(421, "4.7.32 Not aligned"), None),
        (Phase.DOT, Reply(421, "4.7.28 Unusual rate"), Outcome.LATER),
        (Phase.DOT, Reply(550, "5.7.28 Unusual rate"), None),
        (Phase.DOT, Reply(552, "5.3.4 Too big"), None),
        (Phase.DOT, Reply(552, "5.2.2 Over quota"), Outcome.REFUSED),
        (Phase.DOT, Reply(554, "5.7.1 Spam"), Outcome.REFUSED),
        (Phase.DOT, Reply(550, "5.7.260 Not that one"), Outcome.REFUSED),
    ],
)
def test_a_reply_blames_the_reader_the_sender_or_the_moment(
    phase: Phase, reply: Reply, outcome: Outcome | None
) -> None:
    assert verdict(phase, reply) is outcome


def test_a_reason_is_short_and_has_the_codes() -> None:
    assert Reply(550, "5.1.1 " + "x" * 1000).reason.startswith("550 5.1.1 x")
    assert len(Reply(550, "x" * 1000).reason) == 300
