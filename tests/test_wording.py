"""How the code speaks: sentences about things, few relative clauses about people."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import flashmail

SOURCE = Path(flashmail.__file__).parent
RELATIVE = {"who", "whom", "whoever", "whomever", "whose"}

#: Relative pronouns of people in 10,000 words of docstrings, comments and strings. The
#: number may only fall: lower it with what you rewrite.
MOST = 10.0


def texts(path: Path) -> Iterator[str]:
    """Return the comments and strings of a file, docstrings among them."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            yield token.string


def words() -> list[str]:
    found = []
    for path in SOURCE.rglob("*.py"):
        for text in texts(path):
            found += [each.lower() for each in re.findall(r"[A-Za-z][A-Za-z'’]*", text)]
    return found


def test_few_sentences_hang_on_who() -> None:
    said = words()
    relative = sum(word in RELATIVE for word in said)

    assert 10_000 * relative / len(said) <= MOST
