"""Rights: what a member of staff may see and send. Pure.

None is whoever sits at the machine while nobody is on the staff yet: they may do all.
"""

from collections.abc import Iterable

from flashmail.audience.segment import Segment
from flashmail.model import Campaign, Role, Staff


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
    if staff is None or staff.role is Role.ADMIN or not staff.topics:
        return True
    asked = set(topics)
    return bool(asked) and asked <= set(staff.topics)


def topics_of(campaign: Campaign) -> frozenset[str]:
    """Return whom a campaign is about and whom it reaches, as topics; perhaps none.

    A segment can bring a brief about one topic to the followers of others. One that
    goes by attributes alone reaches followers of everything: that is no topic.
    """
    bringing = Segment.from_json(campaign.audience).bringing
    return frozenset(bringing) | set(campaign.topics) if bringing else frozenset()
