"""What goes to the confined process and what comes back, as JSON."""

import json
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

#: Stands in JSON for a text that is html already.
HTML = "html"


class Html(str):
    """A text that is html already, and clean."""


@dataclass(frozen=True)
class Job:
    """A template's files and what they are to be filled with.

    `stem` begins every stand-in for a mark: a word that occurs nowhere else in the
    job. `page` is for the html part, `text` for the plain-text part and the subject.
    """

    template: str
    stem: str
    files: dict[str, str]
    page: dict[str, Any]
    text: dict[str, Any]


@dataclass(frozen=True)
class Pages:
    """What a job gave; `calls` are the fields used, each a name and a fallback."""

    subject: str
    text: str
    mjml: str
    html: str
    calls: list[list[str]]


def write_job(job: Job) -> str:
    return json.dumps(_marked(vars(job)), sort_keys=True)


def read_job(text: str) -> Job:
    return Job(**json.loads(text, object_hook=_unmarked))


def _marked(thing: Any) -> Any:
    if isinstance(thing, Html):
        return {HTML: str(thing)}
    if isinstance(thing, dict):
        return {key: _marked(each) for key, each in thing.items()}
    return [_marked(each) for each in thing] if isinstance(thing, list) else thing


def _unmarked(thing: dict[str, Any]) -> Any:
    return Markup(thing[HTML]) if thing.keys() == {HTML} else thing
