"""Our own rosters, and lists that somebody keeps in a spreadsheet."""

from flashmail.audience.roster.formats.form import ProviderFormat
from flashmail.model import SubscriberStatus

#: What our columns are called by others.
ALIASES = {
    "address": (
        "address",
        "email",
        "e_mail",
        "mail",
        "email_address",
        "e_mail_address",
        "emailaddress",
    ),
    "name": ("name", "full_name", "fullname"),
    "topics": ("topics", "topic"),
    "status": ("status",),
    "time_zone": ("time_zone", "timezone", "tz"),
    "language": ("language", "lang", "locale"),
}

#: Read together where there is no column with the whole name.
NAMES = {
    "first_name": ("first_name", "firstname", "given_name", "forename"),
    "last_name": ("last_name", "lastname", "family_name", "surname"),
}

#: Words for a status, and ours.
STATUSES = {
    **{status.value: status for status in SubscriberStatus},
    "subscribed": SubscriberStatus.ACTIVE,
    "confirmed": SubscriberStatus.ACTIVE,
    "enabled": SubscriberStatus.ACTIVE,
    "unconfirmed": SubscriberStatus.PENDING,
    "opted out": SubscriberStatus.UNSUBSCRIBED,
    "blocklisted": SubscriberStatus.UNSUBSCRIBED,
    "cleaned": SubscriberStatus.BOUNCED,
    "hard bounced": SubscriberStatus.BOUNCED,
    "spam": SubscriberStatus.COMPLAINED,
}

PLAIN_ROSTER = ProviderFormat(
    name="roster",
    signs=(),
    fields={
        alias: field
        for field, aliases in (ALIASES | NAMES).items()
        for alias in aliases
    },
    statuses=STATUSES,
    strict=True,
)
