"""Reduce the data of caniemail.com to what the checker asks for.

    npm pack caniemail && tar xzf caniemail-*.tgz
    python -m flashmail.rendering.preflight.reduce package/dist/data/caniemail.json

writes data/caniemail.json beside this file. Data by caniemail.com, packaged by the npm
package of that name; MIT licence, see data/LICENSE.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flashmail.rendering.preflight.support import DATA

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
