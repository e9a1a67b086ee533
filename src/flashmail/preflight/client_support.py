"""Support: what mail programs do not understand of a mail's html and CSS.

The data are those of caniemail.com, reduced by running this module; see data/LICENSE.
"""

import json
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from flashmail.findings import Finding, warning
from flashmail.preflight import contrast
from flashmail.preflight.facts import Facts
from flashmail.rendering.html import Document

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
    page = _FeatureScanner(html)
    yield from page.keys
    for sheet in page.sheets:
        plain = contrast.COMMENT.sub("", sheet)
        yield from (f"a:{name}" for name in AT_RULE.findall(plain))
        for rule in contrast.rules(plain):
            for selector in rule.selectors:
                yield from (f"s:{name}" for name in PSEUDO.findall(selector))
            yield from _declared(rule.values)
    for style in page.styles:
        yield from _declared(contrast.declarations(style))


def _declared(values: dict[str, str]) -> Iterator[str]:
    for name, value in values.items():
        plain = value.removesuffix("!important").strip()
        yield f"p:{name}"
        yield f"v:{name}:{plain}"
        yield from (f"f:{each}" for each in FUNCTION.findall(plain))
        yield from (f"u:{each}" for each in UNIT.findall(plain))


class _FeatureScanner(HTMLParser):
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


#: The programs that mails of an institute are read in.
CLIENTS = {
    "gmail": ("desktop-webmail", "ios", "android", "mobile-webmail"),
    "outlook": ("windows", "outlook-com", "macos", "ios", "android"),
    "apple-mail": ("macos", "ios"),
    "yahoo": ("desktop-webmail", "ios", "android"),
    "samsung-email": ("android",),
    "thunderbird": ("macos", "windows", "linux"),
    "protonmail": ("desktop-webmail", "ios", "android"),
}

#: Titles that name more than one thing, or name it in words.
NAMED = {
    "gap, column-gap, row-gap": ["p:gap", "p:column-gap", "p:row-gap"],
    "grid-template-* properties": [
        "p:grid-template",
        "p:grid-template-areas",
        "p:grid-template-columns",
        "p:grid-template-rows",
    ],
    "left, right, top, bottom": ["p:left", "p:right", "p:top", "p:bottom"],
    "CSS Variables (Custom Properties)": ["f:var"],
    "CSS calc() function": ["f:calc"],
    "HTML5 semantics": [
        "e:article",
        "e:aside",
        "e:details",
        "e:figure",
        "e:footer",
        "e:header",
        "e:main",
        "e:nav",
        "e:section",
    ],
    "Embedded <svg> image": ["e:svg"],
    "webP image format": ["i:webp"],
    "AVIF image format": ["i:avif"],
    "SVG image format": ["i:svg"],
    "BMP image format": ["i:bmp"],
    "TIFF image format": ["i:tiff", "i:tif"],
    "HEIF image format": ["i:heif", "i:heic"],
    "Base 64 image format": ["i:data"],
}


def reduced(whole: dict[str, Any]) -> dict[str, Any]:
    """Return each feature that some program lacks, by the key it is looked up by."""
    names = whole["nicenames"]
    found: dict[str, Any] = {}
    for feature in whole["data"]:
        lacking = list(_lacking(feature["stats"], names))
        for key in _keys(feature["title"]) if lacking else ():
            found[key] = [feature["title"], feature["slug"], lacking]
    return {
        "source": "https://www.caniemail.com",
        "of": whole["last_update_date"],
        "features": dict(sorted(found.items())),
    }


def _lacking(stats: dict[str, Any], names: dict[str, Any]) -> Iterator[str]:
    for family, platforms in CLIENTS.items():
        for platform in platforms:
            tested = stats.get(family, {}).get(platform) or {}
            if tested and list(tested.values())[-1].startswith("n"):
                where = names["platform"].get(platform, platform)
                yield f"{names['family'][family]} {where}"


def _keys(title: str) -> list[str]:
    if title in NAMED:
        return NAMED[title]
    for pattern, kind in (
        (r"([a-z-]+)(?: property| shorthand)?", "p"),
        (r"([a-z-]+:\s?[a-z-]+)", "v"),
        (r"([a-z-]+)\(\)", "f"),
        (r"(?:@)([a-z-]+)", "a"),
        (r"::?([a-z-]+)(?:\(\))?", "s"),
        (r"([a-z%]+) unit", "u"),
        (r"<([a-z0-9]+)> element", "e"),
    ):
        if match := re.fullmatch(pattern, title):
            return [f"{kind}:{match[1].replace(' ', '')}"]
    return []


if __name__ == "__main__":
    text = json.dumps(reduced(json.loads(Path(sys.argv[1]).read_text())), indent=0)
    DATA.write_text(text + "\n")
