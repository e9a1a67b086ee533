"""The front matter of a Markdown brief: its fields, each with its line."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import yaml

from flashmail.briefs.attribution import read_related
from flashmail.briefs.brief import Brief, ParseWarning, Related
from flashmail.briefs.dates import Dated, NoSuchDay, read_date, read_moment
from flashmail.briefs.decoding import without_controls
from flashmail.briefs.topic_tags import Vocabulary
from flashmail.errors import BriefError, WrongInput

#: More than any front matter needs; YAML is slow.
LONGEST = 50_000

KNOWN = "'title', 'date', 'embargo', 'topics' and 'related'"


class PlainLoader(yaml.BaseLoader):
    """YAML in which every scalar is text ('no' is a title) and nothing is shared."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse aliases: few lines of them can mean a great deal."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="a value that begins with '*' is an alias",
                problem_mark=self.get_mark(),
            )
        return super().compose_node(parent, index)


@dataclass
class Front:
    """What the front matter says."""

    title: str = ""
    dated: Dated | None = None
    embargo: datetime | None = None
    topics: list[str] = field(default_factory=list)
    related: list[Related] = field(default_factory=list)
    doubts: list[ParseWarning] = field(default_factory=list)


def write_front(brief: Brief) -> str:
    """Write the fields as YAML; what is empty is left out."""
    fields: dict[str, Any] = {"title": brief.title, "date": brief.date}
    if brief.embargo:
        fields["embargo"] = brief.embargo
    if brief.topics:
        fields["topics"] = list(brief.topics)
    if brief.related:
        fields["related"] = [_fields(related) for related in brief.related]
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=10**9)


def _fields(related: Related) -> dict[str, Any]:
    fields: dict[str, Any] = {"title": related.title}
    if related.authors:
        fields["authors"] = list(related.authors)
    if related.url:
        fields["url"] = related.url
    return fields


def read_front(text: str, first_line: int, vocabulary: Vocabulary) -> Front:
    """Read the fields; raise BriefError for what cannot be understood."""
    front = Front()
    reader = _FieldReader(first_line, vocabulary, front)
    for name, value in reader.pairs(_composed(text, first_line)):
        reader.read(name, value)
    return front


def _composed(text: str, first_line: int) -> yaml.Node | None:
    if len(text) > LONGEST:
        raise BriefError(f"line {first_line}: the front matter is too long")
    try:
        return yaml.compose(text, Loader=PlainLoader)
    except yaml.MarkedYAMLError as error:
        line = first_line + (error.problem_mark.line if error.problem_mark else 0)
        hint = "put quotes around a value with ':' or '#'"
        raise BriefError(f"line {line}: {error.problem}; {hint}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise BriefError(f"line {first_line}: this is no front matter") from error


class _FieldReader:
    """Reads nodes into a Front, and knows on which line each stands."""

    def __init__(self, first_line: int, vocabulary: Vocabulary, front: Front) -> None:
        self._first_line = first_line
        self._vocabulary = vocabulary
        self._front = front
        self._fields = {
            "title": self._title,
            "date": self._date,
            "embargo": self._embargo,
            "topics": self._topics,
            "related": self._related,
        }

    def read(self, name: str, node: yaml.Node) -> None:
        """Read one field; an unknown one is doubted, not refused."""
        if name in self._fields:
            self._fields[name](node)
        else:
            what = f"'{name}' is not known here; there are {KNOWN}"
            self._doubt(node, f"{what}; left out: '{_source(node)}'")

    def pairs(self, node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
        """Return names and values of a mapping."""
        if node is None:
            return
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, "here belong 'name: value' lines")
        for name, value in node.value:
            yield self._text(name), value

    def _title(self, node: yaml.Node) -> None:
        self._front.title = self._text(node)

    def _date(self, node: yaml.Node) -> None:
        text = self._text(node)
        try:
            dated = read_date(text)
        except NoSuchDay as error:
            message = f"'{text}' is no day of the calendar ({error})"
            raise self._error(node, message) from error
        if text and not dated:
            raise self._error(node, f"'{text}' is no date; write it as in 2026-04-23")
        if dated and dated.doubt:
            self._doubt(node, dated.doubt)
        self._front.dated = dated

    def _embargo(self, node: yaml.Node) -> None:
        text = self._text(node)
        try:
            self._front.embargo = read_moment(text) if text else None
        except WrongInput as problem:
            # Not a doubt: an embargo that is passed over lets the brief out too early.
            raise self._error(node, f"embargo: {problem}") from problem

    def _topics(self, node: yaml.Node) -> None:
        for item in self._items(node):
            given = self._text(item)
            known = self._vocabulary.known(given)
            if self._vocabulary and not known:
                self._doubt(item, f"no such topic: '{given}'; mend the spelling")
            if given and (known or given) not in self._front.topics:
                self._front.topics.append(known or given)

    def _items(self, node: yaml.Node) -> list[yaml.Node]:
        """Return the items of a list; 'A, B' on one line is one, too."""
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        parts = self._text(node).split(",")
        return [
            yaml.ScalarNode(node.tag, part.strip(), node.start_mark, node.end_mark)
            for part in parts
        ]

    def _related(self, node: yaml.Node) -> None:
        if isinstance(node, yaml.SequenceNode):
            self._front.related += [self._one_related(item) for item in node.value]
        elif self._text(node):
            raise self._error(node, "'related' is a list; begin each item with '- '")

    def _one_related(self, node: yaml.Node) -> Related:
        if isinstance(node, yaml.ScalarNode):
            text = self._text(node)
            return read_related(text, strict=False) or Related(text)
        title, url, authors = "", "", []
        for name, value in self.pairs(node):
            if name == "title":
                title = self._text(value)
            elif name == "url":
                url = self._text(value)
            elif name in ("authors", "author"):
                authors = self._authors(value)
            else:
                self._doubt(value, f"left out of related reading: '{_source(value)}'")
        return Related(title, tuple(authors), url)

    def _authors(self, node: yaml.Node) -> list[str]:
        if isinstance(node, yaml.SequenceNode):
            return [self._text(item) for item in node.value]
        return [author for author in [self._text(node)] if author]

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(node, "one line of text belongs here")
        line = self._line(node)
        text = without_controls(node.value, self._front.doubts, line)
        return text.replace("\n", " ").strip()

    def _line(self, node: yaml.Node) -> int:
        return self._first_line + int(node.start_mark.line)

    def _doubt(self, node: yaml.Node, message: str) -> None:
        self._front.doubts.append(ParseWarning(self._line(node), message))

    def _error(self, node: yaml.Node, message: str) -> BriefError:
        return BriefError(f"line {self._line(node)}: {message}")


def _source(node: yaml.Node) -> str:
    """Return a node as it stands in the text."""
    source = node.start_mark.buffer or ""
    begin, end = node.start_mark.pointer, node.end_mark.pointer
    return str(source)[begin:end].strip()
