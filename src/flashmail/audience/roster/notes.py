"""What an import has to tell that stopped no row."""

from collections import Counter

#: So many different things are told with their words.
NOTES_KEPT = 200


class Notes:
    """Sentences, each with how often there was reason for it."""

    def __init__(self) -> None:
        self._counted: Counter[tuple[str, str]] = Counter()
        self._others = 0

    def add(self, file: str, text: str) -> None:
        """Note a thing about a row of a file."""
        if (file, text) in self._counted or len(self._counted) < NOTES_KEPT:
            self._counted[file, text] += 1
        else:
            self._others += 1

    def texts(self) -> tuple[str, ...]:
        """Return the notes, the most frequent first, with their rows counted."""
        told = [
            f"{file}: {text} ({_rows(n)})"
            for (file, text), n in self._counted.most_common()
        ]
        if self._others:
            told.append(f"and more of the kind ({_rows(self._others)})")
        return tuple(told)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
