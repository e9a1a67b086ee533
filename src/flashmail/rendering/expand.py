"""Expand: a job's files become a subject, a plain text and html. Runs confined."""

import re
import traceback
from collections.abc import Callable, Sequence
from hashlib import blake2s
from typing import Any

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError
from markupsafe import Markup

from flashmail.errors import RenderError
from flashmail.message import MARK, mark
from flashmail.rendering.jinja_sandbox import Sandbox, tidied
from flashmail.rendering.mjml import MjmlError, compile_mjml
from flashmail.rendering.process import Job, RenderedPages
from flashmail.rendering.template_files import (
    FIELDS,
    MJML,
    SUBJECT,
    TEXT,
    kind_of,
    knows_field,
)


def stem_of(text: str) -> str:
    """Return the beginning of a job's stand-ins.

    It is made from all that goes into the job, so none of that can contain it, and
    the same job gives the same mail to the last byte: approval hangs on that.
    """
    return "fm" + blake2s(text.encode(), digest_size=10).hexdigest()


def stand_in(stem: str, kind: str, number: int) -> str:
    """Return the word for a field (kind f) or for a mark within a link (kind l)."""
    return f"{stem}{kind}{number}z"


def word_of(stem: str) -> re.Pattern[str]:
    """Match each of a job's stand-ins."""
    return re.compile(rf"{stem}([fl])(\d+)z")


class Marks:
    """Takes the marks out of addresses, and puts all marks in at the end."""

    def __init__(self, stem: str) -> None:
        self._stem = stem
        self._marks: list[str] = []

    def unmarked(self, address: str) -> str:
        """Return an address with a word in place of each of its marks."""

        def word(match: re.Match[str]) -> str:
            self._marks.append(match[0])
            return stand_in(self._stem, "l", len(self._marks) - 1)

        return MARK.sub(word, address)

    def marked(self, page: str, calls: Sequence[Sequence[str]]) -> str:
        """Return a page with its marks in place of their words."""

        def put(match: re.Match[str]) -> str:
            number = int(match[2])
            return self._marks[number] if match[1] == "l" else mark(*calls[number])

        return word_of(self._stem).sub(put, page)


LONGEST_FALLBACK = 80

WITHOUT_SAFE = (
    "there is no filter 'safe': it would let a reader's name write html. Paragraphs of "
    "a brief are html already and need none"
)


def expand(job: Job) -> RenderedPages:
    """Fill in a job's templates and compile them; raise RenderError with file, line."""
    calls: list[list[str]] = []
    field = _field(job, calls)
    subject = _fill(job, SUBJECT, job.text | {"field": _no_field}, html=False)
    text = tidied(_fill(job, TEXT, job.text | {"field": field}, html=False))
    _refuse_cut(job, calls, text, TEXT)
    written = len(calls)
    mjml = _fill(job, MJML, job.page | {"field": field}, html=True)
    html = _compile(job, mjml)
    _refuse_cut(job, calls[written:], html, MJML, written)
    return RenderedPages(subject.strip(), text, mjml, html, calls)


def _fill(job: Job, part: str, values: dict[str, Any], *, html: bool) -> str:
    file = f"{job.template}/{part}"
    if file not in job.files:
        raise RenderError(f"this template has no {part}", file)
    sandbox = Sandbox(job.template, job.files, html=html)
    try:
        return sandbox.get_template(file).render(values)
    except Exception as error:
        # MemoryError and RecursionError, too: the template's doing, and all it ends.
        raise _explained(error, job, file) from None


def _field(job: Job, calls: list[list[str]]) -> Callable[..., Markup]:
    def field(name: str, fallback: str = "") -> Markup:
        """Note a field of the readers; return what stands in for it until the end."""
        if not knows_field(kind_of(job.template), name):
            raise RenderError(_unknown(job.template, name))
        if set(fallback) & set('<>&"') or len(fallback) > LONGEST_FALLBACK:
            raise RenderError(
                f'the fallback of {name} has one of < > & " in it, or is too long'
            )
        calls.append([str(name), str(fallback)])
        return Markup(stand_in(job.stem, "f", len(calls) - 1))

    return field


def _no_field(name: str, fallback: str = "") -> str:
    raise RenderError(f"no field({name!r}) in a subject: it is the same for everybody")


def _unknown(template: str, name: str) -> str:
    known = [each for each in sorted(FIELDS) if knows_field(kind_of(template), each)]
    return f"there is no field {name!r} here; there are: {', '.join(known)}" + (
        ", attribute:NAME" if len(known) > 1 else ""
    )


def _refuse_cut(
    job: Job, calls: list[list[str]], page: str, part: str, first: int = 0
) -> None:
    """Refuse a page in which a stand-in is not whole: it could not be swapped."""
    for number, (name, _) in enumerate(calls, start=first):
        if stand_in(job.stem, "f", number) not in page:
            message = f"field({name!r}) was changed by a filter, or never shown"
            raise RenderError(message, f"{job.template}/{part}")
    whole = word_of(job.stem).sub("", page)
    if job.stem.lower() in whole.lower():
        message = "a filter changed a field or a link; give filters none of them"
        raise RenderError(message, f"{job.template}/{part}")


def _compile(job: Job, mjml: str) -> str:
    try:
        return compile_mjml(mjml)
    except MjmlError as error:
        file, line = _origin(job, mjml, error.line)
        raise RenderError(str(error), file, line) from None


def _origin(job: Job, mjml: str, line: int) -> tuple[str, int]:
    """Find the line of a template's file that an expanded line came from."""
    said = mjml.splitlines()[line - 1].strip() if line else ""
    own = sorted(job.files, key=lambda key: not key.startswith(f"{job.template}/"))
    for key in own if said else ():
        for number, each in enumerate(job.files[key].splitlines(), start=1):
            if each.strip() == said:
                return key, number
    return f"{job.template}/{MJML}", 0


def _explained(error: Exception, job: Job, file: str) -> RenderError:
    if isinstance(error, TemplateSyntaxError):
        message = error.message or "cannot be read"
        message = WITHOUT_SAFE if "filter named 'safe'" in message else message
        return RenderError(message, error.filename or file, error.lineno)
    place, line = _place(error, job, file)
    if isinstance(error, RenderError):
        return RenderError(error.message, place, line)
    return RenderError(_in_words(error), place, line)


def _in_words(error: Exception) -> str:
    if isinstance(error, TemplateNotFound):
        return f"there is no file {error.name!r} in this template or in partials"
    if isinstance(error, MemoryError | OverflowError):
        return "needs more memory than a template may have"
    if isinstance(error, RecursionError):
        return "calls or includes itself without end"
    return (
        str(error) if isinstance(error, TemplateError) else f"cannot do this: {error}"
    )


def _place(error: Exception, job: Job, file: str) -> tuple[str, int]:
    """Return the file and line of a template at which an error was raised."""
    places = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    found = [(name, line) for name, line in places if name in job.files]
    return found[-1] if found else (file, 0)
