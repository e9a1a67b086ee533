"""listmonk's export of subscribers; what it imports has the first columns of it."""

from flashmail.audience.roster.formats.form import ProviderFormat
from flashmail.model import SubscriberStatus

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
