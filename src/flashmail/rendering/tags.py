"""Tags of MJML, read one after the other in linear time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flashmail.rendering.errors import RenderError

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
