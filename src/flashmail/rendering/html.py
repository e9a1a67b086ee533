"""A finished html document: its links, pictures and words; what it must not have."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from itertools import accumulate
from urllib.parse import quote, urlsplit, urlunsplit

from flashmail.errors import RenderError

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)

TAG = re.compile(
    r"""<(?P<close>/?)(?P<name>[A-Za-z][\w:.-]*+)
    (?P<attributes>(?:[^<>"'/]|/(?!>)|"[^"]*+"|'[^']*+')*+)
    (?P<empty>/?)>""",
    re.VERBOSE,
)

ATTRIBUTE = re.compile(
    r"""(?P<name>[^\s=/"'<>]++)(?:\s*+=\s*+(?P<value>"[^"]*+"|'[^']*+'|[^\s"'<>]++))?"""
)

#: Have no inside and need no end, in html.
VOID = frozenset(
    {
        "area",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    }
)


class UnreadableTag(RenderError):
    """A `<` begins no tag that could be read."""


@dataclass(frozen=True)
class Tag:
    """A tag as it stands in a source, from `start` to `end`."""

    name: str
    start: int
    end: int
    line: int
    closes: bool
    is_empty: bool
    attributes: tuple[tuple[str, str], ...] = ()

    def attribute(self, name: str) -> str | None:
        """Return the value as it is written, or None."""
        return dict(self.attributes).get(name)


def tags(source: str) -> Iterator[Tag]:
    """Yield the tags outside of comments; raise UnreadableTag where there is none."""
    position, line = 0, 1
    while (start := source.find("<", position)) >= 0:
        line += source.count("\n", position, start)
        match = COMMENT.match(source, start) or TAG.match(source, start)
        if match is None:
            message = "this < begins no tag that has an end; as a sign, write &lt;"
            raise UnreadableTag(message, line=line)
        if match.re is TAG:
            yield _tag(match, line)
        line += match[0].count("\n")
        position = match.end()


def unquoted(value: str) -> str:
    """Return an attribute's value without the quotes that it is written in."""
    return value[1:-1] if value[:1] in {'"', "'"} else value


def _tag(match: re.Match[str], line: int) -> Tag:
    return Tag(
        match["name"],
        match.start(),
        match.end(),
        line,
        closes=bool(match["close"]),
        is_empty=bool(match["empty"]) or match["name"].lower() in VOID,
        attributes=tuple(
            (each["name"], unquoted(each["value"] or ""))
            for each in ATTRIBUTE.finditer(match["attributes"])
        ),
    )


#: Would run, send or load something, or change where links lead.
FORBIDDEN = "applet base embed form frame frameset iframe input object script textarea"

UNSEEN = frozenset({"style", "title", "script"})

#: Where a field of the readers may stand, besides the text.
READ_OUT = frozenset({"alt", "title", "aria-label"})


@dataclass(frozen=True)
class LinkPosition:
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
    links: list[LinkPosition] = field(default_factory=list)
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
                self.links.append(LinkPosition(attributes[name].strip(), start, end))

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


#: Opened by the reader's own programs; there is nothing to count.
UNTOUCHED = ("mailto:", "tel:")

LONGEST = 2000

#: Everything of RFC 3986 that is not a letter or digit, and "%".
RESERVED = "%:/?#[]@!$&'()*+,;=-._~"

#: What programs drop or turn around, each in its own way.
CROOKED = re.compile(r"[\x00-\x20\x7f-\xa0\\\"<>`{}|^\u2028\u2029]")


def destination(address: str) -> str:
    """Return an http(s) address as it can travel in a header: in ASCII.

    Raises RenderError for whatever a mail must not link to.
    """
    if CROOKED.search(address):
        raise RenderError(f"{_shown(address)} has characters no link can have")
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise RenderError(f"{_shown(address)} is no address: {error}") from error
    if parts.scheme not in {"http", "https"}:
        raise RenderError(f"{_shown(address)}: a link begins with https://")
    if not host or "@" in parts.netloc or len(address) > LONGEST:
        raise RenderError(f"{_shown(address)}: a link names its host, and is not long")
    place = parts.netloc.replace(parts.netloc.rpartition("@")[2], _ascii(parts.netloc))
    return quote(urlunsplit(parts._replace(netloc=place)), safe=RESERVED)


def is_untouched(address: str) -> bool:
    return address.lower().startswith(UNTOUCHED) and not CROOKED.search(address)


def _ascii(netloc: str) -> str:
    if netloc.isascii():
        return netloc
    try:
        return netloc.encode("idna").decode()
    except UnicodeError as error:
        raise RenderError(f"{_shown(netloc)} is no host") from error


def _shown(address: str) -> str:
    short = address if len(address) <= 60 else f"{address[:57]}..."
    return f"the link {short!r}"
