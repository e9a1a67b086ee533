"""Topic tags: a run of names without separators, cut by the names that are known."""

import re
from collections.abc import Collection
from typing import NamedTuple

#: More than a line of tags ever has.
LONGEST = 1_000

TOKEN = re.compile(r"[,;|•·]|[^\s,;|•·]+")

SEPARATORS = frozenset(",;|•·")

LABEL = re.compile(
    r"(?:related )?(?:topics?|tags?|issues?|keywords?|categor(?:y|ies)|filed under)"
    r"\s?:\s?(?P<run>.*)",
    re.IGNORECASE,
)

PROSE = re.compile(r"[.!?…:”\"»]$|[.!?]\s|^[\W_]")

SMALL_WORDS = "a an and at by for from in of on or the to with"

#: Words that may be written small within a tag.
CONNECTING = frozenset(SMALL_WORDS.split())


class TagMatch(NamedTuple):
    """A part of a run, and the topic it is; None if nobody knows it."""

    text: str
    topic: str | None


class Vocabulary:
    """The topic names one can follow, in no matter which case."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = {words(name): name for name in names}
        self._longest = max(map(len, self._names), default=0)

    def __bool__(self) -> bool:
        return bool(self._names)

    def known(self, name: str) -> str | None:
        """Return a topic as it is spelled, or None if there is no such topic."""
        return self._names.get(words(name))

    def cut(self, run: str) -> list[TagMatch]:
        """Cut a run by longest match; what is between the matches stays together.

        Where there are separators a topic reaches from one to the next.
        """
        tokens = list(TOKEN.finditer(run))
        pieces: list[TagMatch] = []
        unknown: list[re.Match[str]] = []
        at = 0
        while at < len(tokens):
            length = self._match(tokens, at)
            if length or tokens[at][0] in SEPARATORS:
                pieces += _unknown(run, unknown)
                unknown = []
            else:
                unknown.append(tokens[at])
            if length:
                pieces.append(self._piece(run, tokens[at : at + length]))
            at += length or 1
        return pieces + _unknown(run, unknown)

    def _match(self, tokens: list[re.Match[str]], at: int) -> int:
        """Return how many tokens from here are a topic's name; the most that can be."""
        separated = any(token[0] in SEPARATORS for token in tokens)
        if separated and at and tokens[at - 1][0] not in SEPARATORS:
            return 0
        for length in range(min(self._longest, len(tokens) - at), 0, -1):
            end = at + length
            if separated and end < len(tokens) and tokens[end][0] not in SEPARATORS:
                continue
            if tuple(_word(token[0]) for token in tokens[at:end]) in self._names:
                return length
        return 0

    def _piece(self, run: str, tokens: list[re.Match[str]]) -> TagMatch:
        text = run[tokens[0].start() : tokens[-1].end()]
        return TagMatch(text, self.known(text))


def words(name: str) -> tuple[str, ...]:
    """Return a name as it is compared: case, spaces and '&' make no difference."""
    return tuple(_word(token) for token in TOKEN.findall(name))


def labelled(text: str) -> str | None:
    """Return what follows 'Topics:' and the like, or None without such a label."""
    match = LABEL.fullmatch(text) if len(text) <= LONGEST else None
    return match["run"] if match else None


def looks_like_a_run(text: str) -> bool:
    """Say whether a line might be tags: no sentence, and no word that prose has."""
    if not text or len(text) > LONGEST or PROSE.search(text):
        return False
    return not any(_is_prose(token) for token in TOKEN.findall(text))


def looks_cut(text: str, pieces: list[TagMatch]) -> bool:
    """Say whether a line is a run: a topic in it is known, and the rest is no prose."""
    rest = [piece.text for piece in pieces if piece.topic is None]
    known = len(pieces) - len(rest)
    if not known or PROSE.search(text):
        return False
    separated = not SEPARATORS.isdisjoint(text)
    return looks_like_a_run(" ".join(rest)) or (separated and known >= len(rest))


def _is_prose(token: str) -> bool:
    return token[:1].islower() and token not in CONNECTING


def _word(token: str) -> str:
    return "and" if token == "&" else token.casefold()


def _unknown(run: str, tokens: list[re.Match[str]]) -> list[TagMatch]:
    return [TagMatch(run[tokens[0].start() : tokens[-1].end()], None)] if tokens else []
