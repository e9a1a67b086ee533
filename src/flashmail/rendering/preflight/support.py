"""Support: what mail programs do not understand of a mail's html and CSS.

The data are those of caniemail.com, reduced by `preflight.reduce`; see data/LICENSE.
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from flashmail.rendering.document import Document
from flashmail.rendering.finding import Finding, warning
from flashmail.rendering.preflight import css
from flashmail.rendering.preflight.facts import Facts

DATA = Path(__file__).parent / "data" / "caniemail.json"

#: Where these are not understood a mail looks plainer and says the same.
GRACEFUL = frozenset(
    {
        "a:font-face",
        "a:media",
        "e:body",
        "e:style",
        "f:rgba",
        "p:border-radius",
        "p:border-spacing",
        "p:box-shadow",
        "p:box-sizing",
        "p:clear",
        "p:cursor",
        "p:height",
        "p:max-height",
        "p:min-height",
        "p:min-width",
        "p:opacity",
        "p:outline",
        "p:overflow",
        "p:overflow-wrap",
        "p:table-layout",
        "p:text-decoration",
        "p:transition",
        "p:word-break",
        "p:word-spacing",
        "p:word-wrap",
        "s:hover",
        "v:display:none",
    }
)

AT_RULE = re.compile(r"@([a-z-]+)")
PSEUDO = re.compile(r"::?([a-z-]+)")
FUNCTION = re.compile(r"\b([a-z-]+)\(")
UNIT = re.compile(r"(?<![\w#.-])\d*\.?\d+([a-z]+|%)")
ENDING = re.compile(r"\.([a-z]{3,4})(?:$|[?#])")

SHOWN = 3


def support_findings(facts: Facts, document: Document) -> Iterator[Finding]:
    """Yield each feature that some program lacks and readers would miss."""
    known = features()
    for key in sorted(set(used(facts.page)) & known.keys() - GRACEFUL):
        title, slug, lacking = known[key]
        more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
        message = (
            f"{title} is not understood by {', '.join(lacking[:SHOWN])}{more}: do"
            f" without it (www.caniemail.com/features/{slug})"
        )
        yield warning("client-support", message, f"html: {key.partition(':')[2]}")


@lru_cache(maxsize=1)
def features() -> dict[str, Any]:
    """Return title, page and the programs that lack it, by key."""
    whole: dict[str, Any] = json.loads(DATA.read_text("utf-8"))
    found: dict[str, Any] = whole["features"]
    return found


def used(html: str) -> Iterator[str]:
    """Yield the key of everything that a mail makes use of."""
    page = _Page(html)
    yield from page.keys
    for sheet in page.sheets:
        plain = css.COMMENT.sub("", sheet)
        yield from (f"a:{name}" for name in AT_RULE.findall(plain))
        for rule in css.rules(plain):
            for selector in rule.selectors:
                yield from (f"s:{name}" for name in PSEUDO.findall(selector))
            yield from _declared(rule.values)
    for style in page.styles:
        yield from _declared(css.declarations(style))


def _declared(values: dict[str, str]) -> Iterator[str]:
    for name, value in values.items():
        plain = value.removesuffix("!important").strip()
        yield f"p:{name}"
        yield f"v:{name}:{plain}"
        yield from (f"f:{each}" for each in FUNCTION.findall(plain))
        yield from (f"u:{each}" for each in UNIT.findall(plain))


class _Page(HTMLParser):
    """Finds elements, pictures and styles."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.keys: set[str] = set()
        self.sheets: list[str] = []
        self.styles: list[str] = []
        self._within = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag
        self.keys.add(f"e:{tag}")
        given = {name: value or "" for name, value in attrs}
        if given.get("style"):
            self.styles.append(given["style"])
        if tag == "img":
            self.keys.add(_kind_of_picture(given.get("src", "").lower()))

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "style":
            self.sheets.append(data)


def _kind_of_picture(source: str) -> str:
    if source.startswith("data:"):
        return "i:data"
    ending = ENDING.search(source)
    return f"i:{ending[1]}" if ending else ""
