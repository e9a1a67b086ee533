"""Constant Contact's export of contacts."""

from flashmail.audience.roster.formats.form import ProviderFormat
from flashmail.model import SubscriberStatus

PENDING, PAUSED = SubscriberStatus.PENDING, SubscriberStatus.PAUSED

CONSTANT_CONTACT = ProviderFormat(
    name="Constant Contact",
    signs=(
        frozenset({"email_address", "email_status"}),
        frozenset({"email_address", "email_permission_status"}),
        frozenset({"email_address", "email_lists"}),
    ),
    fields={
        "email_address": "address",
        "first_name": "first_name",
        "last_name": "last_name",
        "email_status": "status",
        "email_permission_status": "status",
        "email_lists": "topics",
        "tags": "topics",
    },
    statuses={
        "active": None,
        "confirmed": None,
        "express": None,
        "explicit": None,
        "implied": None,
        "implicit": None,
        "awaiting confirmation": PENDING,
        "pending confirmation": PENDING,
        "pending": PENDING,
        "non subscriber": PENDING,
        "no permissions set": PENDING,
        "not set": PENDING,
        "temp hold": PAUSED,
        "temporary hold": PAUSED,
        "unsubscribed": SubscriberStatus.UNSUBSCRIBED,
        "opted out": SubscriberStatus.UNSUBSCRIBED,
        "optout": SubscriberStatus.UNSUBSCRIBED,
        "removed": SubscriberStatus.UNSUBSCRIBED,
        "do not mail": SubscriberStatus.UNSUBSCRIBED,
        "bounced": SubscriberStatus.BOUNCED,
        "undeliverable": SubscriberStatus.BOUNCED,
        "invalid": SubscriberStatus.BOUNCED,
        "spam": SubscriberStatus.COMPLAINED,
    },
    left={"confirmed_opt_out_date": SubscriberStatus.UNSUBSCRIBED},
)
