"""The press: all that an installation makes mails with."""

from dataclasses import dataclass

from flashmail.audience.segment import Segment
from flashmail.briefs import Brief
from flashmail.links import Links
from flashmail.model import Priority
from flashmail.rendering import Renderer
from flashmail.sending.approve.compose import Sender
from flashmail.sending.approve.launch import draft_of
from flashmail.sending.campaigns import CampaignContent


@dataclass(frozen=True)
class Press:
    """Templates, who mails are from, where links lead, and the address at the foot."""

    renderer: Renderer
    sender: Sender
    links: Links
    postal_address: str

    def draft(
        self,
        brief: Brief,
        segment: Segment,
        *,
        priority: Priority = Priority.NORMAL,
        template: str = "",
    ) -> CampaignContent:
        """Render a brief into everything that a campaign will say, and to whom."""
        return draft_of(
            brief,
            segment,
            renderer=self.renderer,
            sender=self.sender,
            links=self.links,
            priority=priority,
            template=template,
        )
