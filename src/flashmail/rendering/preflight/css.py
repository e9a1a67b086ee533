"""As much of CSS as mails have: declarations, plain rules, and @media around them."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

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
