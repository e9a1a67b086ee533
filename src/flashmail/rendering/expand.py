"""Expand: a job's files become a subject, a plain text and html. Runs confined."""

import traceback
from collections.abc import Callable
from typing import Any

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError
from markupsafe import Markup

from flashmail.rendering.binding import stand_in, word_of
from flashmail.rendering.errors import RenderError
from flashmail.rendering.folders import MJML, SUBJECT, TEXT
from flashmail.rendering.kinds import FIELDS, kind_of, knows_field
from flashmail.rendering.layout import tidied
from flashmail.rendering.mjml import MjmlError, compile_mjml
from flashmail.rendering.protocol import Job, Pages
from flashmail.rendering.sandbox import Sandbox

LONGEST_FALLBACK = 80

WITHOUT_SAFE = (
    "there is no filter 'safe': it would let a reader's name write html. Paragraphs of "
    "a brief are html already and need none"
)


def expand(job: Job) -> Pages:
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
    return Pages(subject.strip(), text, mjml, html, calls)


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
