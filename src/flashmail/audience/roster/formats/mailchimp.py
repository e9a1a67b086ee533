"""Mailchimp's export of an audience: a zip of three or four files, told apart by name.

See https://mailchimp.com/help/view-export-contacts/.
"""

from flashmail.audience.roster.formats.form import ProviderFormat
from flashmail.model import SubscriberStatus

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
        # People who bought something and never asked for mail.
        "nonsubscribed_": SubscriberStatus.PENDING,
        "subscribed_": None,
    },
)
