"""HTML as published text: a line for each paragraph, heading and item. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import NamedTuple

from flashmail.errors import CannotImport

#: Their inside is no html; it ends where their own end tag begins.
RAW = frozenset({"script", "style", "textarea", "title", "xmp", "noembed", "iframe"})

#: A longer tag is none: a quote was never closed.
LONGEST = 4_000

NAME = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:-]*)")

ATTRIBUTE = re.compile(
    r"([a-zA-Z_:][\w:.-]{0,60})\s{0,20}=\s{0,20}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))"
)


class Token(NamedTuple):
    """A tag that opens or closes, by its name, or a text, by no name."""

    name: str
    text: str = ""  # the whole tag, or what is read
    closes: bool = False

    @property
    def attributes(self) -> dict[str, str]:
        return {
            name.lower(): unescape(double or single or bare)
            for name, double, single, bare in ATTRIBUTE.findall(self.text)
        }


def tokens(html: str) -> Iterator[Token]:
    """Yield tags and texts in their order; comments and declarations are left out."""
    small, at = html.lower(), 0
    while (start := html.find("<", at)) >= 0:
        if start > at:
            yield Token("", unescape(html[at:start]))
        if html.startswith(("<!", "<?"), start):
            at = _after_comment(html, start)
            continue
        named = NAME.match(html, start)
        if named is None:
            yield Token("", "<")
            at = start + 1
            continue
        at = _after_tag(html, start)
        token = Token(named[1].lower(), html[start:at], html.startswith("</", start))
        yield token
        if token.name in RAW and not token.closes:
            end = small.find(f"</{token.name}", at)
            at = len(html) if end < 0 else end
    if at < len(html):
        yield Token("", unescape(html[at:]))


def _after_comment(html: str, start: int) -> int:
    mark = "-->" if html.startswith("<!--", start) else ">"
    end = html.find(mark, start)
    return len(html) if end < 0 else end + len(mark)


def _after_tag(html: str, start: int) -> int:
    """Return where a tag ends: at the first ">" outside of quotes, if that is near."""
    quote = ""
    for place in range(start, min(len(html), start + LONGEST)):
        letter = html[place]
        if quote:
            quote = "" if letter == quote else quote
        elif letter == ">":
            return place + 1
        elif letter in "\"'" and html[place - 1] in "= \t\n":
            quote = letter
    end = html.find(">", start, start + LONGEST)
    return start + LONGEST if end < 0 else end + 1


#: What is read on its own line.
BLOCKS = (
    "address article blockquote body dd div dl dt figcaption h1 h2 h3 h4 h5 h6 header"
    " li main ol p pre section table td th tr ul"
)

#: What is no part of what somebody wrote.
UNREAD = (
    "aside button canvas dialog figure footer form iframe nav noscript object script"
    " select style svg template textarea title video audio xmp"
)

VOID = "area base br col embed hr img input link meta source track wbr"

HEADINGS = {"h1": "# ", "h2": "## ", "h3": "## ", "h4": "## ", "h5": "## ", "h6": "## "}

#: What in the middle of a page is most surely the text itself, the surest first.
PLACES = ("article", "main", "body")

DATES = ("article:published_time", "date", "dc.date", "datepublished", "pubdate")

TITLES = ("og:title", "twitter:title")

TAGS = ("article:tag",)

DEEPEST = 300

#: Writers often leave their end away.
ENDS_ITSELF = frozenset({"p", "li", "td", "tr", "dt", "dd", "option"})

#: Where a line was broken; no text has it, for it is none.
BROKEN = "\ufdd0"

_BLOCKS, _UNREAD, _VOID = (frozenset(each.split()) for each in (BLOCKS, UNREAD, VOID))

CHARSET = re.compile(rb"<meta[^>]{0,200}?charset=[\"']?\s*([\w-]{2,20})", re.I)

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

LINKED = re.compile(r"[\[\]]")


@dataclass
class _Block:
    """A line in the making, and what it stands in."""

    tag: str
    place: str
    number: int  # which article of the page
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.parts).replace(BROKEN, " ").split())


class _TextExtractor:
    """Reads a page into blocks; what is in its head is kept by name."""

    def __init__(self, html: str) -> None:
        self.blocks: list[_Block] = []
        self.meta: dict[str, list[str]] = {}
        self.tags: list[str] = []
        self._open: list[str] = []
        self._articles = 0
        self._unread = 0
        self._link: tuple[str, int] | None = None
        self._tag_link = False
        for token in tokens(html):
            self._take(token)

    def _take(self, token: Token) -> None:
        if not token.name:
            self._say(token.text)
        elif token.closes:
            self._leave(token.name)
        else:
            self._note(token)
            if token.name not in _VOID:
                self._enter(token)

    def _note(self, token: Token) -> None:
        """Keep what a tag says by itself."""
        if token.name == "meta":
            self._keep_meta(token.attributes)
        if token.name == "time" and "datetime" in (given := token.attributes):
            self.meta.setdefault("time", []).append(given["datetime"])
        if token.name == "br":
            self._break()

    def _enter(self, token: Token) -> None:
        tag = token.name
        if len(self._open) > DEEPEST:
            raise CannotImport("This page is nested too deep to be read.")
        if tag in ENDS_ITSELF and self._open and self._open[-1] == tag:
            self._leave(tag)
        self._open.append(tag)
        self._unread += tag in _UNREAD
        self._articles += tag == "article"
        if tag in _BLOCKS:
            self._begin()
        if tag == "a":
            given = token.attributes
            self._tag_link = "tag" in given.get("rel", "").lower().split()
            self._start_link(given.get("href", ""))

    def _leave(self, tag: str) -> None:
        if tag == "a":
            self._end_link()
        if tag not in self._open:
            return
        while self._open:
            closed = self._open.pop()
            self._unread -= closed in _UNREAD
            if closed == tag:
                break
        if tag in _BLOCKS:
            self._begin()

    def _say(self, text: str) -> None:
        if self._unread:
            return
        if self._tag_link and text.strip():
            self.tags.append(" ".join(text.split()))
        if not self.blocks:
            self._begin()
        self.blocks[-1].parts.append(text)

    def _keep_meta(self, given: dict[str, str]) -> None:
        name = (given.get("property") or given.get("name") or "").lower()
        if name and given.get("content", "").strip():
            self.meta.setdefault(name, []).append(given["content"].strip())

    def _break(self) -> None:
        """Take one for a space and two for the end of a paragraph, as writers do."""
        last = self.blocks[-1].parts if self.blocks else []
        if "".join(last[-2:]).rstrip().endswith(BROKEN):
            self._begin()
        elif last:
            last.append(BROKEN)

    def _begin(self) -> None:
        inner = next((t for t in reversed(self._open) if t in _BLOCKS), "p")
        place = next((each for each in PLACES if each in self._open), "body")
        if self.blocks and not self.blocks[-1].parts:
            self.blocks.pop()
        self.blocks.append(_Block(inner, place, self._articles))

    def _start_link(self, address: str) -> None:
        if address.startswith(("http://", "https://")) and not self._unread:
            if not self.blocks:
                self._begin()
            self._link = (address, len(self.blocks[-1].parts))

    def _end_link(self) -> None:
        """Write a link as Markdown does, if it stands within one line."""
        link, self._link, self._tag_link = self._link, None, False
        if link is None or not self.blocks:
            return
        address, start = link
        parts = self.blocks[-1].parts
        said = " ".join("".join(parts[start:]).split())
        if said and not LINKED.search(said) and not re.search(r"[\s()<>]", address):
            parts[start:] = [f"[{said}]({address})"]


def text_of_html(html: str) -> str:
    """Return all that a piece of html says."""
    return "\n".join(_lines(_TextExtractor(html).blocks))


def text_of_page(data: bytes, charset: str = "") -> str:
    """Return what a page of the web says, without what stands around it.

    Its date, title and tags are put where a published brief has them.
    """
    page = _TextExtractor(_decoded(data, charset))
    lines = list(_lines(_middle(page.blocks)))
    if not lines:
        raise CannotImport(
            "There is no text on this page: it may be made by a script. Paste the text."
        )
    return "\n".join([*_head(page, lines), *lines, *_topics(page)])


def _decoded(data: bytes, charset: str) -> str:
    named = CHARSET.search(data[:2_000])
    for name in (charset, named[1].decode("ascii") if named else "", "utf-8"):
        try:
            return data.decode(name) if name else data.decode()
        except (LookupError, UnicodeDecodeError):
            continue
    return data.decode("windows-1252", "replace")


def _middle(blocks: list[_Block]) -> list[_Block]:
    """Return the longest article; where there is none, the main part, or everything."""
    for place in PLACES:
        inside = [each for each in blocks if each.place == place and each.text]
        numbers = {each.number for each in inside}
        if place == "article" and len(numbers) > 1:
            longest = max(numbers, key=lambda n: _length(inside, n))
            inside = [each for each in inside if each.number == longest]
        if sum(len(each.text) for each in inside) > 200:
            return inside
    return [each for each in blocks if each.text]


def _length(blocks: list[_Block], number: int) -> int:
    return sum(len(each.text) for each in blocks if each.number == number)


def _lines(blocks: list[_Block]) -> Iterator[str]:
    """Write the blocks; each is apart from the next, items of a list are not."""
    was_item = False
    for block in blocks:
        if not block.text:
            continue
        item = block.tag == "li"
        if not (item and was_item):
            yield ""
        yield ("- " if item else HEADINGS.get(block.tag, "")) + block.text
        was_item = item


def _head(page: _TextExtractor, lines: list[str]) -> list[str]:
    """Return date and title for above the text, as far as the page names them."""
    said = [value for name in (*DATES, "time") for value in page.meta.get(name, [])]
    day = next((match[0] for each in said if (match := DAY.match(each))), "")
    titles = [value for name in TITLES for value in page.meta.get(name, [])]
    has_title = any(line.startswith("# ") for line in lines[:8])
    title = titles[0] if titles and not has_title else ""
    return [each for each in (day, " ".join(title.split())) if each]


def _topics(page: _TextExtractor) -> list[str]:
    named = [value for name in TAGS for value in page.meta.get(name, [])]
    tags = list(dict.fromkeys(named or page.tags))
    return ["", f"Topics: {', '.join(tags)}"] if tags else []
