"""Items of a list, however they are marked."""

import re

MARK = re.compile(r"[•‣◦▪●∙]\s*(?=\S)|[-*+·–]\s+(?=\S)|\d{1,2}[.)]\s+(?=\S)")


def is_item(text: str) -> bool:
    """Say whether a paragraph is marked as an item of a list."""
    return bool(MARK.match(text))


def without_mark(text: str) -> str:
    """Return what the item says."""
    return MARK.sub("", text, count=1) if is_item(text) else text


def marked(text: str) -> str:
    """Return an item with the mark that items have in a Brief."""
    return f"- {without_mark(text)}" if is_item(text) else text
