"""Templates on disk: a folder each, and `partials` that they share."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flashmail.errors import RenderError

SUBJECT, TEXT, MJML = "subject.txt", "mail.txt", "mail.mjml"

PARTS = (SUBJECT, TEXT, MJML)

#: What templates of one installation include, as in `{% include "partials/x.mjml" %}`.
PARTIALS = "partials"

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

LARGEST = 256 * 1024


def names(folders: Sequence[Path]) -> list[str]:
    """Return the names of the templates that the folders hold."""
    found = {
        path.name
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if path.is_dir() and NAME.fullmatch(path.name)
    }
    return sorted(found - {PARTIALS})


def sources(folders: Sequence[Path], name: str) -> dict[str, str]:
    """Return the texts of a template's files and of the partials, by `folder/file`.

    The first folder that has the template wins. Of partials each file counts for
    itself, so that an installation may replace a footer and keep the rest.
    """
    chosen = next((each for each in folders if (each / name).is_dir()), None)
    if not NAME.fullmatch(name) or name == PARTIALS or chosen is None:
        known = ", ".join(names(folders)) or "none"
        raise RenderError(f"there is no template {name!r}; there are: {known}")
    found: dict[str, str] = {}
    for folder in reversed(folders):
        found |= _read(folder, PARTIALS)
    return found | _read(chosen, name)


def missing(name: str, found: dict[str, str]) -> list[str]:
    """Return what a template lacks of the three files that it must have."""
    return [part for part in PARTS if f"{name}/{part}" not in found]


def _read(folder: Path, name: str) -> dict[str, str]:
    paths = (each for each in sorted((folder / name).glob("*")) if each.is_file())
    return {
        f"{name}/{path.name}": _text(path, f"{name}/{path.name}")
        for path in paths
        if path.suffix in {".mjml", ".txt"}
    }


def _text(path: Path, key: str) -> str:
    if path.stat().st_size > LARGEST:
        raise RenderError(f"larger than {LARGEST // 1024} KB", key)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RenderError("not in UTF-8; save it as UTF-8", key) from error


#: Fields that differ from reader to reader, besides `attribute:NAME`.
FIELDS = frozenset({"name", "first_name", "because", "address"})

ATTRIBUTE = "attribute:"

#: Addresses that every mailing is given; see `flashmail.links`.
LINKS = frozenset({"unsubscribe_url", "preferences_url", "view_url", "pixel_url"})

EVERYWHERE = frozenset({"site", "lang", "urgent", "field", "brief"})


@dataclass(frozen=True)
class TemplateKind:
    """What mails of a kind are made of, besides what all are given."""

    extra: frozenset[str] = field(default_factory=frozenset)
    needs_brief: bool = False
    #: Sent to followers of something, so they can unsubscribe and be counted.
    mailing: bool = True

    @property
    def names(self) -> frozenset[str]:
        """Every name that a template of this kind may use."""
        return EVERYWHERE | self.extra | (LINKS if self.mailing else frozenset())


BRIEF = TemplateKind(needs_brief=True)

KINDS = {
    "flash-brief": BRIEF,
    "urgent": BRIEF,
    "correction": TemplateKind(frozenset({"correction"}), needs_brief=True),
    "retraction": TemplateKind(frozenset({"retraction"}), needs_brief=True),
    "digest": TemplateKind(frozenset({"briefs", "frequency", "groups", "period"})),
    "welcome": TemplateKind(),
    # The recipient has agreed to nothing yet: no unsubscribing, no tracking.
    "confirm": TemplateKind(frozenset({"confirm_url", "never_url"}), mailing=False),
}


def kind_of(template: str) -> TemplateKind:
    """Return a template's kind: `digest-weekly` is a digest, `storm` a brief."""
    for name, kind in KINDS.items():
        if template == name or template.startswith(f"{name}-"):
            return kind
    return BRIEF


def knows_field(kind: TemplateKind, name: str) -> bool:
    """Say whether a template of this kind may use a field of the readers."""
    if not kind.mailing:
        return name == "address"
    return name in FIELDS or (name.startswith(ATTRIBUTE) and name != ATTRIBUTE)
