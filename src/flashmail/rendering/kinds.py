"""What a template may use. Its name says of which kind it is."""

from dataclasses import dataclass, field

#: Fields that differ from reader to reader, besides `attribute:NAME`.
FIELDS = frozenset({"name", "first_name", "because", "address"})
ATTRIBUTE = "attribute:"

#: Addresses that every mailing is given; see `flashmail.links`.
LINKS = frozenset({"unsubscribe_url", "preferences_url", "view_url", "pixel_url"})
EVERYWHERE = frozenset({"site", "lang", "urgent", "field", "brief"})


@dataclass(frozen=True)
class Kind:
    """What mails of a kind are made of, besides what all are given."""

    extra: frozenset[str] = field(default_factory=frozenset)
    needs_brief: bool = False
    #: Sent to those who follow something, so they can unsubscribe and be counted.
    mailing: bool = True

    @property
    def names(self) -> frozenset[str]:
        """Every name that a template of this kind may use."""
        return EVERYWHERE | self.extra | (LINKS if self.mailing else frozenset())


BRIEF = Kind(needs_brief=True)

KINDS = {
    "flash-brief": BRIEF,
    "urgent": BRIEF,
    "correction": Kind(frozenset({"correction"}), needs_brief=True),
    "retraction": Kind(frozenset({"retraction"}), needs_brief=True),
    "digest": Kind(frozenset({"briefs", "frequency", "groups", "period"})),
    "welcome": Kind(),
    # Whoever it reaches has agreed to nothing yet: no unsubscribing, no tracking.
    "confirm": Kind(frozenset({"confirm_url", "never_url"}), mailing=False),
}


def kind_of(template: str) -> Kind:
    """Return a template's kind: `digest-weekly` is a digest, `storm` a brief."""
    for name, kind in KINDS.items():
        if template == name or template.startswith(f"{name}-"):
            return kind
    return BRIEF


def knows_field(kind: Kind, name: str) -> bool:
    """Say whether a template of this kind may use a field of the readers."""
    if not kind.mailing:
        return name == "address"
    return name in FIELDS or (name.startswith(ATTRIBUTE) and name != ATTRIBUTE)
