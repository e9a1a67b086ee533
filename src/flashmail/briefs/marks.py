"""Quotation marks: which belong together, and which are the outer ones."""

from itertools import accumulate

OPENING = "“„«‟"
CLOSING = "”»"
EITHER = '"＂'
MARKS = OPENING + CLOSING + EITHER

SINGLE_OPENING = "‘'"
SINGLE_CLOSING = "’'"


def turns(text: str) -> list[int]:
    """Return 1 where a mark opens, -1 where one closes, 0 elsewhere.

    At the very beginning any mark opens and at the very end any mark closes, for
    people and programs mix them up; between them a straight one opens after a space.
    """
    return [_turn(text, index) for index in range(len(text))]


def _turn(text: str, index: int) -> int:
    char = text[index]
    if char not in MARKS:
        return 0
    if index == 0 or index == len(text) - 1:
        return 1 if index == 0 else -1
    if char in EITHER:
        return 1 if text[index - 1] in " ([—–-" else -1
    return 1 if char in OPENING else -1


def opens(text: str) -> bool:
    """Say whether a text begins as something quoted."""
    return text[:1] in (*MARKS, "‘")


def closes(text: str) -> bool:
    """Say whether a text ends as something quoted."""
    return text[-1:] in (*MARKS, "’")


def left_open(text: str) -> bool:
    """Say whether more is opened than closed."""
    return sum(turns(text)) > 0


def bare(text: str) -> str:
    """Return the text without its outer marks; an inner pair stays.

    One outer mark may be missing: a lonely one goes, too.
    """
    begins, ends = text[:1] in tuple(MARKS), text[-1:] in tuple(MARKS)
    if not begins and not ends:
        return _bare_of_single(text)
    depths = list(accumulate(turns(text)))
    one_pair = all(depth > 0 for depth in depths[:-1])
    if begins and ends and one_pair:
        return text[1:-1].strip()
    if ends and depths[-1] < 0:
        return text[:-1].strip()
    if begins and depths[-1] > 0:
        return text[1:].strip()
    return text


def _bare_of_single(text: str) -> str:
    begins, ends = text[:1] in tuple(SINGLE_OPENING), text[-1:] in tuple(SINGLE_CLOSING)
    return text[1:-1].strip() if begins and ends and len(text) > 2 else text
