"""Transactional mails: what each kind says, and when it must not go any more.

A confirmation goes to the address itself, and a welcome once it has confirmed. The
visitor of the form waits for neither, and cannot tell whether an address is known.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from html import escape

from sqlmodel import Session, col, func, select

from flashmail.addresses import masked
from flashmail.audience.segment import Segment
from flashmail.audience.suppression import may_be_mailed
from flashmail.campaigns.briefs import latest_about
from flashmail.campaigns.content import MailKit, Sender, load_message
from flashmail.campaigns.content import compose as compose_campaign
from flashmail.links import NOBODY, BadToken, Links, Purpose, Tokens
from flashmail.message import LEAVE, TOKEN, WATCH, Message, mark
from flashmail.model import (
    Campaign,
    Consent,
    ConsentKind,
    Priority,
    Subscriber,
    Subscription,
    SubscriptionRequest,
    Topic,
    TransactionalKind,
    TransactionalMail,
)
from flashmail.rendering.brief_values import list_in_words
from flashmail.rendering.renderer import SAMPLE
from flashmail.subscribers.requests import OPEN_FOR

#: RFC 3834: no mail program answers these.
AUTOMATIC = ("Auto-Submitted", "auto-generated")

#: In place of a campaign's number in links of mails that are no campaign.
NO_CAMPAIGN = 0

TEST = "[Test] "

#: A test cannot unsubscribe anybody, so it does not say that it could.
LEAVING = frozenset({"list-unsubscribe", "list-unsubscribe-post"})

#: What is said of a reader in a mail that is not to a reader.
ANYBODY = {field: SAMPLE[field] for field in ("name", "first_name", "because")}

NO_MORE = "the address gets no more mail"

#: A message, and the values of the fields that it marks.
Made = tuple[Message, Mapping[str, str]]


def refusal(session: Session, mail: TransactionalMail) -> str:
    """Return why a mail must not go, at the moment of its claim; empty where it may."""
    asked = mail.kind is TransactionalKind.ADDRESS_CHANGED
    if asked and not may_be_mailed(session, mail.address):
        return NO_MORE
    return ""


def compose(
    session: Session,
    mail: TransactionalMail,
    kit: MailKit,
    tokens: Tokens,
    *,
    now: datetime,
) -> Made | None:
    """Return what a mail says; None where there is nothing to say any more."""
    if mail.kind is TransactionalKind.TEST:
        return as_test(session.get_one(Campaign, mail.campaign_id)), ANYBODY
    if mail.kind is TransactionalKind.CONFIRMATION:
        return _confirmation(mail, kit, tokens), {}
    if mail.kind is TransactionalKind.WELCOME:
        return _welcome(session, mail, kit, tokens, now)
    return _plain(kit.sender, mail), ANYBODY


def as_test(campaign: Campaign) -> Message:
    """Return a campaign's mail, said to be a test; it has no way to unsubscribe."""
    message = load_message(campaign)
    headers = [each for each in message.headers if each[0].lower() not in LEAVING]
    subject = f"{TEST}{message.subject}"
    return replace(message, subject=subject, headers=tuple(headers))


def _plain(sender: Sender, mail: TransactionalMail) -> Message:
    paragraphs = "".join(f"<p>{escape(each)}</p>" for each in mail.text.split("\n\n"))
    return Message(
        subject=mail.subject,
        html=f'<!doctype html><html lang="en"><body>{paragraphs}</body></html>',
        text=mail.text,
        headers=_headers(sender),
        envelope_sender=sender.address,
    )


def _headers(sender: Sender) -> tuple[tuple[str, str], ...]:
    """Return the header lines of a mail that is no campaign."""
    return (
        ("From", f"{sender.name} <{sender.address}>"),
        ("Message-ID", f"<{mark(TOKEN)}@{sender.domain}>"),
        AUTOMATIC,
    )


def _confirmation(mail: TransactionalMail, kit: MailKit, tokens: Tokens) -> Message:
    """Nothing that was typed into a form stands in this mail but the address."""
    number = mail.request_id or 0
    extra = {
        "confirm_url": kit.links.confirm(_token(tokens, Purpose.CONFIRM, number)),
        "never_url": kit.links.never(_token(tokens, Purpose.NEVER, number)),
    }
    message = kit.renderer.render(None, "confirm", extra=extra).message
    sender = kit.sender
    return replace(message, headers=_headers(sender), envelope_sender=sender.address)


def _welcome(
    session: Session,
    mail: TransactionalMail,
    kit: MailKit,
    tokens: Tokens,
    now: datetime,
) -> Made | None:
    request = session.get(SubscriptionRequest, mail.request_id)
    person = session.get(Subscriber, request.subscriber_id) if request else None
    if person is None:
        return None
    names = _topics(session, person)
    brief = latest_about(session, names, now=now)
    rendered = kit.renderer.render(brief, "welcome", tracked=False)
    what = compose_campaign(
        rendered.message,
        rendered.destinations,
        segment=Segment(),
        topics=(),
        template="welcome",
        priority=Priority.NORMAL,
        sender=kit.sender,
        links=kit.links,
    )
    message = replace(what.message, headers=(*what.message.headers, AUTOMATIC))
    return message, {
        "name": person.name,
        "first_name": person.name.split(" ")[0],
        "because": list_in_words(names),
        WATCH: _token(tokens, Purpose.WATCH, NOBODY),
        LEAVE: _token(tokens, Purpose.LEAVE, person.id or 0),
    }


def _token(tokens: Tokens, purpose: Purpose, number: int) -> str:
    return tokens.write(purpose, NO_CAMPAIGN, number)


ADDRESS_CHANGED_SUBJECT = "Your address was changed"

ADDRESS_CHANGED_TEXT = """\
The briefs that came to this address go to {address} from now on: somebody with
a link of yours asked for that, most likely you. Then there is nothing to do.

If it was not you, this takes it back, within {days} days:

{link}"""


def notify_old_address(
    session: Session,
    way_back: SubscriptionRequest,
    move: SubscriptionRequest,
    tokens: Tokens,
    links: Links,
    *,
    now: datetime,
) -> None:
    """Have the old address told, at once; of the new one only as much as one needs."""
    assert way_back.id is not None
    link = links.confirm(tokens.write(Purpose.CONFIRM, 0, way_back.id))
    text = ADDRESS_CHANGED_TEXT.format(
        address=masked(move.address), days=OPEN_FOR.days, link=link
    )
    session.add(
        TransactionalMail(
            kind=TransactionalKind.ADDRESS_CHANGED,
            address=way_back.address,
            subject=ADDRESS_CHANGED_SUBJECT,
            text=text,
            created_at=now,
        )
    )


def _topics(session: Session, person: Subscriber) -> list[str]:
    following = (
        select(Topic.name)
        .join(Subscription, col(Subscription.topic_id) == col(Topic.id))
        .where(Subscription.subscriber_id == person.id)
        .order_by(col(Topic.id))
    )
    return list(session.exec(following))


#: Such a link is good for so long, unless the address changes meanwhile,
GOOD_FOR = timedelta(hours=24)

#: and another one is written after so long at the earliest.
AGAIN = timedelta(minutes=10)

DATA_LINK_SUBJECT = "Your link"

DATA_LINK_TEXT = """\
Somebody with one of your mails asked for this link, most likely you. For a day it
lets you take your data along, change your address, or be erased:

{link}

If it was not you, there is nothing to do: nothing has changed."""


def request_data_link(
    session: Session, person: Subscriber, tokens: Tokens, links: Links, *, now: datetime
) -> None:
    """Have the link written to a reader, unless one was written just now."""
    latest = (
        select(TransactionalMail)
        .where(
            TransactionalMail.address == person.address,
            TransactionalMail.kind == TransactionalKind.DATA_LINK,
        )
        .where(col(TransactionalMail.created_at) > now - AGAIN)
    )
    if session.exec(latest).first() is not None:
        return
    assert person.id is not None
    link = links.own(tokens.write(Purpose.OWN, int(now.timestamp()), person.id))
    session.add(
        TransactionalMail(
            kind=TransactionalKind.DATA_LINK,
            address=person.address,
            subject=DATA_LINK_SUBJECT,
            text=DATA_LINK_TEXT.format(link=link),
            created_at=now,
        )
    )


def owner(session: Session, tokens: Tokens, token: str, *, now: datetime) -> int:
    """Return the subscriber of a link; raise BadToken where it is too old, or not ours.

    It is too old as well once the address is another one: it lay in the other mailbox.
    """
    written, subscriber_id = tokens.read(Purpose.OWN, token)
    if not 0 <= int(now.timestamp()) - written <= GOOD_FOR.total_seconds():
        raise BadToken("this link was good for a day: ask for another one")
    if written < _moved_at(session, subscriber_id):
        raise BadToken("the address was changed since: ask for another link")
    return subscriber_id


def _moved_at(session: Session, subscriber_id: int) -> int:
    """Return when somebody's address changed last, in seconds since 1970."""
    moves = select(func.max(Consent.at)).where(
        Consent.subscriber_id == subscriber_id, Consent.kind == ConsentKind.ADDRESS
    )
    last = session.exec(moves).one()
    return int(last.timestamp()) if last else 0
