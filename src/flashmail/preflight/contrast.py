"""Contrast: whether words stand out from what is behind them, by day and at night.

After WCAG 2.2, success criterion 1.4.3. Colours are followed through inline styles,
`bgcolor` and plain rules; a mail without a colour of its own is black on white.
"""

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from typing import NamedTuple

from flashmail.findings import Finding, warning
from flashmail.preflight.facts import Facts
from flashmail.rendering.html import Document

COMMENT = re.compile(r"/\*.*?\*/", re.S)

STEP = re.compile(r"[\w-]*(?:[.#][\w-]+)*")


class Element(NamedTuple):
    """What a selector can ask of an element."""

    tag: str
    classes: frozenset[str] = frozenset()


class Rule(NamedTuple):
    """Selectors and what they set; `media` is the condition around them, if any."""

    selectors: tuple[str, ...]
    values: dict[str, str]
    media: str = ""


def declarations(text: str) -> dict[str, str]:
    """Read `color: red; margin: 0`; names and values are in small letters."""
    found = {}
    for each in text.split(";"):
        name, colon, value = each.partition(":")
        if colon:
            found[name.strip().lower()] = " ".join(value.lower().split())
    return found


def rules(css: str, media: str = "") -> Iterator[Rule]:
    """Read a style sheet; what is broken is passed over, as mail programs do."""
    text, at = COMMENT.sub("", css), 0
    while (brace := text.find("{", at)) >= 0:
        head = text[at:brace].rpartition(";")[2].strip()
        end = _closing(text, brace)
        inside = text[brace + 1 : end]
        if head.startswith("@media"):
            yield from rules(inside, head.removeprefix("@media").strip().lower())
        elif not head.startswith("@"):
            selectors = tuple(each.strip() for each in head.split(","))
            yield Rule(selectors, declarations(inside), media)
        at = end + 1


def meets(selector: str, path: Sequence[Element]) -> bool:
    """Say whether a selector of tags and classes means the last element of a path.

    Selectors that ask for more mean nothing here.
    """
    steps = selector.split()
    if not steps or not all(STEP.fullmatch(each) for each in steps):
        return False
    *above, last = steps
    if not path or not _is(last, path[-1]):
        return False
    waiting = list(reversed(above))
    for element in reversed(path[:-1]):
        if waiting and _is(waiting[0], element):
            waiting.pop(0)
    return not waiting


def _is(step: str, element: Element) -> bool:
    if "#" in step:
        return False
    tag, *classes = step.split(".")
    return tag in ("", element.tag) and element.classes.issuperset(classes)


def _closing(text: str, brace: int) -> int:
    depth = 0
    for match in re.compile(r"[{}]").finditer(text, brace):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.start()
    return len(text)


#: The least contrast of words, and of large ones.
LEAST, LEAST_LARGE = 4.5, 3.0

#: From which size on words are large, in pixels: 18 and 14 points.
LARGE, LARGE_BOLD = 24.0, 18.66

BOLD = frozenset({"bold", "bolder", "600", "700", "800", "900"})

UNSEEN = frozenset({"head", "style", "script", "title"})

VOID = frozenset({"br", "hr", "img", "input", "meta", "link", "area", "col", "wbr"})

NAMES = {"white": "#ffffff", "black": "#000000", "gray": "#808080", "red": "#ff0000"}

HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})\b")

RGB = re.compile(r"rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)")

PIXELS = re.compile(r"([\d.]+)px")

AT_NIGHT = re.compile(r"prefers-color-scheme\s*:\s*dark")

Colour = tuple[int, int, int]

MOST = 5


class _Look(NamedTuple):
    """How words look here."""

    ink: Colour
    paper: Colour
    size: float = 16.0
    bold: bool = False
    hidden: bool = False


DAY = _Look((0, 0, 0), (255, 255, 255))


def contrast_findings(facts: Facts, document: Document) -> Iterator[Finding]:
    """Yield the words that can hardly be read, by day and at night."""
    sheet = list(rules("\n".join(_Sheets(facts.page).found)))
    plain = [rule for rule in sheet if not rule.media]
    night = [rule for rule in sheet if AT_NIGHT.search(rule.media)]
    for when, meant in (("by day", plain), ("at night", [*plain, *night])):
        if when == "by day" or night:
            for words, ratio, least in _ContrastScanner(facts.page, meant).faint[:MOST]:
                message = (
                    f"{when} “{words[:40]}” has a contrast of {ratio:.1f}, {least} is"
                    " the least that can be read by all: change one of its colours"
                )
                yield warning("contrast", message, facts.line(words[:40]) or "html")


def ratio(one: Colour, other: Colour) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def colour(text: str) -> Colour | None:
    """Return the first colour in a value; None where there is none that is known."""
    if match := RGB.search(text):
        red, green, blue = (min(int(each), 255) for each in match.groups())
        return red, green, blue
    named = next((NAMES[each] for each in text.split() if each in NAMES), "")
    found = HEX.search(text) or HEX.search(named)
    if not found:
        return None
    digits = found[0][1:]
    if len(digits) == 3:
        digits = "".join(2 * each for each in digits)
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _luminance(of: Colour) -> float:
    parts = [each / 255 for each in of]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4
        for each in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


class _Sheets(HTMLParser):
    """Finds what stands in <style>."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._within = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._within = False

    def handle_data(self, data: str) -> None:
        if self._within:
            self.found.append(data)


class _ContrastScanner(HTMLParser):
    """Reads a page and notes what is faint: words, their contrast, and the least."""

    def __init__(self, html: str, rules: Sequence[Rule]) -> None:
        super().__init__(convert_charrefs=True)
        self.faint: list[tuple[str, float, float]] = []
        self._rules = rules
        self._path: list[Element] = []
        self._looks = [DAY]
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        given = {name: value or "" for name, value in attrs}
        classes = frozenset(given.get("class", "").split())
        self._path.append(Element(tag, classes))
        values = self._values(given)
        self._looks.append(_looks(self._looks[-1], values, hidden=tag in UNSEEN))

    def handle_endtag(self, tag: str) -> None:
        if tag not in {element.tag for element in self._path}:
            return
        while self._path.pop().tag != tag:
            self._looks.pop()
        self._looks.pop()

    def handle_data(self, data: str) -> None:
        words, look = " ".join(data.split()), self._looks[-1]
        if not any(each.isalnum() for each in words) or look.hidden:
            return
        large = look.size >= LARGE or (look.bold and look.size >= LARGE_BOLD)
        least, found = LEAST_LARGE if large else LEAST, ratio(look.ink, look.paper)
        if found < least:
            self.faint.append((words, found, least))

    def _values(self, given: dict[str, str]) -> dict[str, str]:
        """Return what holds for the last element; what is important comes last."""
        usual: dict[str, str] = {}
        important: dict[str, str] = {}
        if "bgcolor" in given:
            usual["background-color"] = given["bgcolor"].lower()
        for rule in self._rules:
            if any(meets(each, self._path) for each in rule.selectors):
                for name, value in rule.values.items():
                    strong = value.endswith("!important")
                    (important if strong else usual)[name] = value
        return usual | declarations(given.get("style", "")) | important


def _looks(above: _Look, values: dict[str, str], *, hidden: bool) -> _Look:
    behind = values.get("background", "") + " " + values.get("background-color", "")
    size = PIXELS.search(values.get("font-size", ""))
    weight = values.get("font-weight", "").split()
    gone = values.get("display", "").startswith("none")
    tiny = bool(size) and float(size[1]) < 2 if size else False
    return _Look(
        ink=colour(values.get("color", "")) or above.ink,
        paper=colour(behind) or above.paper,
        size=float(size[1]) if size else above.size,
        bold=weight[0] in BOLD if weight else above.bold,
        hidden=above.hidden or hidden or gone or tiny,
    )
