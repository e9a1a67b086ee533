"""Constant Contact's export of contacts."""

from flashmail.audience.roster.formats.form import Format
from flashmail.model import SubscriberStatus

UNSUBSCRIBED, BOUNCED = SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.BOUNCED
PENDING, PAUSED = SubscriberStatus.PENDING, SubscriberStatus.PAUSED

FORMAT = Format(
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
        "unsubscribed": UNSUBSCRIBED,
        "opted out": UNSUBSCRIBED,
        "optout": UNSUBSCRIBED,
        "removed": UNSUBSCRIBED,
        "do not mail": UNSUBSCRIBED,
        "bounced": BOUNCED,
        "undeliverable": BOUNCED,
        "invalid": BOUNCED,
        "spam": SubscriberStatus.COMPLAINED,
    },
    left={"confirmed_opt_out_date": UNSUBSCRIBED},
)
