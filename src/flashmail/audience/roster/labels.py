"""Tags, labels and lists of other programs: which of them are topics of ours?"""

import csv
from collections.abc import Iterable, Mapping

from flashmail.audience.roster.entry import OFTEN
from flashmail.audience.topics import SEPARATOR, slug_of


def labels_in(cell: str) -> list[str]:
    """Return the labels of a cell: separated by semicolons, else by commas.

    Mailchimp quotes each of them inside the cell.
    """
    if SEPARATOR in cell:
        labels = cell.split(SEPARATOR)
    else:
        try:
            labels = next(csv.reader([cell], skipinitialspace=True), [])
        except csv.Error:
            labels = cell.split(",")
    return [label for each in labels if (label := each.strip())]


class Labels:
    """Knows our topics by their names, however they are spelled elsewhere."""

    def __init__(self, topics: Mapping[str, int]) -> None:
        self._names = {name.casefold(): name for name in topics}
        for name in topics:
            self._names.setdefault(slug_of(name), name)

    def sort(self, labels: Iterable[str]) -> tuple[list[str], list[str]]:
        """Return which labels are topics, in our spelling, and which are none."""
        known: list[str] = []
        others: list[str] = []
        for label in labels:
            found = self._topic(label)
            (known if found else others).append(found or label)
        return known, others

    def _topic(self, label: str) -> str:
        if found := self._named(label):
            return found
        name, colon, often = label.rpartition(":")
        word = often.strip().casefold()
        if colon and word in OFTEN and (found := self._named(name.strip())):
            return f"{found}:{word}"
        return ""

    def _named(self, label: str) -> str:
        return self._names.get(label.casefold()) or self._names.get(slug_of(label), "")
