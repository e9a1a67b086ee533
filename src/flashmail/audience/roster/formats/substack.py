"""Substack's `email_list.NAME.csv`, and what its subscribers' page exports.

A paid subscription that has ended is no unsubscription: such people read on for free.
"""

from flashmail.audience.roster.formats.form import ProviderFormat
from flashmail.model import SubscriberStatus

SUBSTACK = ProviderFormat(
    name="Substack",
    signs=(
        frozenset({"email", "active_subscription", "expiry"}),
        frozenset({"email", "stripe_plan", "start_date"}),
    ),
    fields={"email": "address", "name": "name", "email_disabled": "status"},
    statuses={"false": None, "true": SubscriberStatus.UNSUBSCRIBED},
)
