"""Our own rosters, and lists that somebody keeps in a spreadsheet."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from flashmail.model import SubscriberStatus

#: A status in our words; empty where theirs says no more than "gets mail". A person
#: that asked us for a rest is woken by that.
Status = SubscriberStatus | None


@dataclass(frozen=True)
class ProviderFormat:
    """How a provider writes people down. All names are as `columns.plain_name` has
    them: in lower case, with low lines for spaces.

    `signs` are columns that, all together, give an export away. `fields` says what of
    ours a column holds; all others are attributes. `statuses` are words in a column
    that holds a status, in lower case. `left` are columns that are filled in only for
    people that have left. `whole` are columns that only files of such people have, and
    `files` begin the names of files with people that are all alike; `sole` is a column
    that shows that a file is none of these. `attributes` is a column with a JSON
    object. `strict` refuses a topic that is none of ours instead of keeping it as an
    attribute.
    """

    name: str
    signs: tuple[frozenset[str], ...]
    fields: Mapping[str, str]
    statuses: Mapping[str, Status] = field(default_factory=dict)
    left: Mapping[str, SubscriberStatus] = field(default_factory=dict)
    whole: Mapping[str, SubscriberStatus] = field(default_factory=dict)
    files: Mapping[str, Status] = field(default_factory=dict)
    sole: str = ""
    attributes: str = ""
    strict: bool = False


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

GHOST = ProviderFormat(
    name="Ghost",
    signs=(frozenset({"email", "subscribed_to_emails"}),),
    fields={
        "email": "address",
        "name": "name",
        "subscribed_to_emails": "status",
        "labels": "topics",
    },
    statuses={"true": None, "false": SubscriberStatus.UNSUBSCRIBED},
    left={"deleted_at": SubscriberStatus.UNSUBSCRIBED},
)

KEILA = ProviderFormat(
    name="Keila",
    signs=(frozenset({"email", "first_name", "last_name", "data"}),),
    fields={
        "email": "address",
        "first_name": "first_name",
        "last_name": "last_name",
        "status": "status",
    },
    statuses={
        "active": None,
        "unsubscribed": SubscriberStatus.UNSUBSCRIBED,
        "unreachable": SubscriberStatus.BOUNCED,
    },
    attributes="data",
)

LISTMONK = ProviderFormat(
    name="listmonk",
    signs=(
        frozenset({"uuid", "email", "attributes", "status"}),
        frozenset({"email", "name", "attributes"}),
    ),
    fields={
        "email": "address",
        "name": "name",
        "status": "status",
        "lists": "topics",
    },
    statuses={
        "enabled": None,
        "disabled": SubscriberStatus.PAUSED,
        "blocklisted": SubscriberStatus.UNSUBSCRIBED,
        "blacklisted": SubscriberStatus.UNSUBSCRIBED,
    },
    attributes="attributes",
)

MAILCHIMP = ProviderFormat(
    name="Mailchimp",
    signs=(
        frozenset({"email_address", "leid", "euid"}),
        frozenset({"email_address", "member_rating", "optin_time"}),
    ),
    fields={
        "email_address": "address",
        "name": "name",
        "full_name": "name",
        "first_name": "first_name",
        "last_name": "last_name",
        "timezone": "time_zone",
        "language": "language",
        "tags": "topics",
        "groups": "topics",
        "interests": "topics",
    },
    left={
        "unsub_time": SubscriberStatus.UNSUBSCRIBED,
        "clean_time": SubscriberStatus.BOUNCED,
    },
    whole={
        "unsub_time": SubscriberStatus.UNSUBSCRIBED,
        "clean_time": SubscriberStatus.BOUNCED,
    },
    # Only files of subscribed people have it.
    sole="last_changed",
    files={
        "unsubscribed_": SubscriberStatus.UNSUBSCRIBED,
        "cleaned_": SubscriberStatus.BOUNCED,
        # Customers that never asked for mail.
        "nonsubscribed_": SubscriberStatus.PENDING,
        "subscribed_": None,
    },
)

SUBSTACK = ProviderFormat(
    name="Substack",
    signs=(
        frozenset({"email", "active_subscription", "expiry"}),
        frozenset({"email", "stripe_plan", "start_date"}),
    ),
    fields={"email": "address", "name": "name", "email_disabled": "status"},
    statuses={"false": None, "true": SubscriberStatus.UNSUBSCRIBED},
)

FORMATS = (
    MAILCHIMP,
    SUBSTACK,
    GHOST,
    CONSTANT_CONTACT,
    LISTMONK,
    KEILA,
)

PLAIN = PLAIN_ROSTER


def recognise(names: Collection[str]) -> ProviderFormat:
    """Return the format with columns of these names, else a plain roster's."""
    present = frozenset(names)
    for each in FORMATS:
        if any(signs <= present for signs in each.signs):
            return each
    return PLAIN


__all__ = ["FORMATS", "PLAIN", "ProviderFormat", "Status", "recognise"]
