"""A finished html document: its links, pictures and words; what it must not have."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from itertools import accumulate

from flashmail.rendering.errors import RenderError
from flashmail.rendering.tags import ATTRIBUTE

#: Would run, send or load something, or change where links lead.
FORBIDDEN = "applet base embed form frame frameset iframe input object script textarea"
UNSEEN = frozenset({"style", "title", "script"})

#: Where a field of the readers may stand, besides the text.
READ_OUT = frozenset({"alt", "title", "aria-label"})


@dataclass(frozen=True)
class Place:
    """A link: its address, and where its tag stands."""

    address: str
    start: int
    end: int


@dataclass
class Document(HTMLParser):
    """Reads html as `css_inline` writes it; raises RenderError for what is forbidden.

    `stem` begins the stand-ins of readers' fields, which may stand in text only.
    """

    html: str
    stem: str = ""
    links: list[Place] = field(default_factory=list)
    pictures: list[dict[str, str]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    language: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        lengths = (len(line) for line in self.html.split("\n"))
        self._starts = [0, *accumulate(length + 1 for length in lengths)]
        self._open = ""
        self.feed(self.html)
        self.close()

    @property
    def text(self) -> str:
        """All that is read, with single spaces."""
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self._refuse(tag, attributes)
        self._open = tag
        if tag == "html":
            self.language = attributes.get("lang", "")
        if tag == "img":
            self.pictures.append(attributes)
        for name in ("href", "xlink:href"):
            if name in attributes and tag != "link":
                start = self._offset()
                end = start + len(self.get_starttag_text() or "")
                self.links.append(Place(attributes[name].strip(), start, end))

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, text: str) -> None:
        if self._open not in UNSEEN:
            self.words.append(text)
        elif self._open == "style" and self.stem and self.stem in text:
            raise RenderError("a field cannot stand in a style")

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._starts[line - 1] + column

    def _refuse(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in FORBIDDEN.split():
            raise RenderError(f"<{tag}> has no place in a mail")
        if tag == "meta" and attributes.get("http-equiv", "").lower() == "refresh":
            raise RenderError("a mail cannot reload itself")
        if tag == "link" and "stylesheet" in attributes.get("rel", "").lower():
            raise RenderError("a mail brings its style along: no <link>")
        for name, value in attributes.items():
            if name.startswith("on"):
                raise RenderError(f"<{tag} {name}> has no place in a mail")
            if self.stem and f"{self.stem}f" in value and name not in READ_OUT:
                raise RenderError(f"a field cannot stand in {name!r} of <{tag}>")


def with_links(document: Document, changed: Callable[[str], str]) -> str:
    """Return the html with each link's address changed, and nothing else."""
    parts, position = [], 0
    for place in document.links:
        tag = document.html[place.start : place.end]
        address = escape(changed(place.address))
        parts += [document.html[position : place.start], _led_to(tag, address)]
        position = place.end
    return "".join(parts) + document.html[position:]


def _led_to(tag: str, address: str) -> str:
    def put(match: re.Match[str]) -> str:
        href = match["name"].lower() in {"href", "xlink:href"}
        return f'{match["name"]}="{address}"' if href else match[0]

    return ATTRIBUTE.sub(put, tag)
