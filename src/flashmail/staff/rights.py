"""Rights: what a member of staff may see and send. Pure.

None is whoever sits at the machine while nobody is on the staff yet: they may do all.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from flashmail.audience.segment import Segment
from flashmail.model import Campaign, Role, Staff

#: The address in "Name <address>", as which people stand in the audit log.
ADDRESS = re.compile(r"<([^<>]*)>$")


def may_send(staff: Staff | None, topics: Iterable[str]) -> bool:
    """Return whether somebody may approve and send what is about these topics."""
    if staff is None:
        return True
    return staff.active and staff.role.covers(Role.EDITOR) and may_see(staff, topics)


def may_see(staff: Staff | None, topics: Iterable[str]) -> bool:
    """Return whether somebody's limit of topics, if there is one, leaves these open.

    Every topic has to lie within it, and there has to be one: what goes to everybody is
    not for who may write to the followers of Iran. Admins have no limit.
    """
    if staff is None or not is_limited(staff):
        return True
    asked = set(topics)
    return bool(asked) and asked <= set(staff.topics)


def may_open(staff: Staff | None, topics: Iterable[str], *, made: str) -> bool:
    """Return whether somebody may read and write a draft that `made` began.

    Who is limited opens what has one of their topics, or none yet, and their own.
    """
    if staff is None or not is_limited(staff):
        return True
    about = set(topics)
    return not about or not about.isdisjoint(staff.topics) or key_of(made) == staff.key


def topics_of(campaign: Campaign) -> frozenset[str]:
    """Return whom a campaign is about and whom it reaches, as topics; perhaps none.

    A segment can bring a brief about one topic to the followers of others. One that
    goes by attributes alone reaches followers of everything: that is no topic.
    """
    return reaching(campaign.audience, campaign.topics)


def reaching(audience: Mapping[str, Any], topics: Iterable[str]) -> frozenset[str]:
    """Return the same of a campaign's `audience` and `topics`."""
    bringing = Segment.from_json(audience).bringing
    return frozenset(bringing) | set(topics) if bringing else frozenset()


def is_limited(staff: Staff) -> bool:
    """Return whether somebody may see and send only what is about some topics."""
    return bool(staff.topics) and staff.role is not Role.ADMIN


def sign(staff: Staff) -> str:
    """Return how somebody stands in the audit log, and as who made or wrote a thing."""
    return f"{staff.name} <{staff.key}>"


def key_of(signed: str) -> str:
    """Return who signed so, by what a change of name leaves as it is."""
    found = ADDRESS.search(signed)
    return found[1] if found else signed


def is_second(staff: Staff, *, made: str, wrote: str, able: Iterable[Staff]) -> bool:
    """Return whether somebody may approve what others made and wrote.

    That is neither who made the campaign nor who wrote what it says, as long as anybody
    else of those `able` is left. Where only its writer is, two people have still looked
    at it. Who is all alone approves alone.
    """
    keys = {each.key for each in able}
    authors: Collection[str] = {key_of(made), key_of(wrote)}
    second = keys - set(authors) or keys - {key_of(made)} or keys
    return staff.key in second
