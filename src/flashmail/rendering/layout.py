"""Filters for plain text: lines of a length that one likes to read."""

import re
from textwrap import TextWrapper

#: Leaves room for the `>` of two answers in 78 columns (RFC 5322, 2.1.1).
WIDTH = 74


def wrap(text: object, first: str = "", rest: str | None = None) -> str:
    """Fold a paragraph; addresses stay whole, however long they are.

    `first` leads the first line and `rest` the others, which else are indented alike.
    """
    wrapper = TextWrapper(
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first) if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapper.fill(str(text))


def underline(text: object, char: str = "-") -> str:
    """Set a heading: folded, with a line as long as its longest below."""
    folded = wrap(text)
    longest = max(len(line) for line in folded.split("\n"))
    return f"{folded}\n{char[:1] * longest}"


def tidied(text: str) -> str:
    """Return a page without spaces at the ends of lines and with single gaps."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"


FILTERS = {"wrap": wrap, "underline": underline}
