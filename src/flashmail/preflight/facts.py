"""What a preflight looks at: a mail as it would go out, and what is known around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from flashmail.briefs.brief import Brief
from flashmail.message import Message, fill
from flashmail.model import LinkState


@dataclass(frozen=True)
class LinkFact:
    """How a link was found, and when."""

    state: LinkState
    note: str = ""
    checked_at: datetime | None = None


@dataclass(frozen=True)
class Facts:
    """Everything that the rules ask for; what is not known is left out.

    `markdown` is the brief as an editor sees it, so that a finding can name a line.
    `message` holds its marks. `moment` is when it would leave. For the quotes in
    `answered_for` the sender answers, as no approval could be noted.
    `segment_asks` are the attributes that the segment goes by, `unknown_attributes`
    those, of it and of the mail, that no subscriber has.
    """

    message: Message
    moment: datetime
    now: datetime
    template: str = "flash-brief"
    destinations: tuple[str, ...] = ()
    brief: Brief | None = None
    markdown: str = ""
    postal_address: str = ""
    embargo_until: datetime | None = None
    approved_quotes: frozenset[str] = frozenset()
    answered_for: frozenset[str] = frozenset()
    segment_asks: frozenset[str] = frozenset()
    unknown_attributes: frozenset[str] = frozenset()
    links: Mapping[str, LinkFact] = field(default_factory=dict)
    audience: int | None = None
    usual: int | None = None
    urgent: bool = False
    urgent_this_month: int = 0
    sent_before: tuple[int, ...] = ()

    @property
    def sender(self) -> str:
        """The From line, `Name <address>`."""
        headers = {name.lower(): value for name, value in self.message.headers}
        return headers.get("from", "")

    @property
    def page(self) -> str:
        """The html with what serves where a reader has no value of their own."""
        return fill(self.message.html, lambda field: "")

    def line(self, words: str) -> str:
        """Return `line N`, where these words stand first in the brief, or nothing."""
        for number, line in enumerate(self.markdown.split("\n"), 1):
            if words in line:
                return f"line {number}"
        return ""
