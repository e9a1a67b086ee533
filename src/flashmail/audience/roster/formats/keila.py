"""Keila's export of contacts."""

from flashmail.audience.roster.formats.form import ProviderFormat
from flashmail.model import SubscriberStatus

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
