"""Ghost's export of members."""

from flashmail.audience.roster.formats.form import ProviderFormat
from flashmail.model import SubscriberStatus

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
