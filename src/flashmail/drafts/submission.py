"""What an editor's page sends: a draft in fields or as Markdown, and one wish."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from flashmail.drafts import editing, quote_approvals
from flashmail.drafts.editing import SaveResult
from flashmail.drafts.form import Form, form_from, markdown_of, quote_of, rearranged
from flashmail.errors import FormError

AS_FORM, AS_MARKDOWN = "form", "markdown"


@dataclass(frozen=True)
class Submission:
    """A draft as it was on somebody's screen when it was `version`.

    `editor_tab` names the page it was written on, from its loading to its leaving.
    `wish` is what the pressed button stands for besides saving, as in `approve quote
    2`; empty for none.
    """

    version: int
    view: str
    form: Form
    markdown: str
    wish: str = ""
    editor_tab: str = ""

    def text(self, topics: Iterable[str]) -> str:
        """Return the draft as Markdown; raise FormError for what no brief can have."""
        if self.view == AS_MARKDOWN:
            return self.markdown
        return markdown_of(self.form, tuple(topics))


def submission(given: Mapping[str, str], topics: Iterable[str]) -> Submission:
    """Read what a browser sent; `topics` are the values of the repeated field."""
    revision = given.get("revision", "")
    wish = given.get("wish", "")
    view = AS_MARKDOWN if given.get("view") == AS_MARKDOWN else AS_FORM
    return Submission(
        version=int(revision) if revision.isdecimal() and len(revision) < 9 else 0,
        view=view,
        form=rearranged(form_from(given, topics), wish),
        markdown="\n".join(given.get("markdown", "").splitlines()) + "\n",
        wish=wish,
        editor_tab=given.get("screen", "")[:32],
    )


def submit(
    session: Session,
    draft_id: int,
    sent: Submission,
    *,
    by: str,
    now: datetime,
    origin: str = "saved",
) -> SaveResult:
    """Save what was sent, then do what its button stands for.

    Raises FormError for a field that has to be mended first.
    """
    text = sent.text(editing.topics(session))
    saved = editing.save(
        session,
        draft_id,
        text,
        version=sent.version,
        by=by,
        now=now,
        origin=origin,
        editor_tab=sent.editor_tab,
    )
    if not saved.conflicting:
        _fulfil(session, draft_id, sent, by=by, now=now)
    return saved


def _fulfil(
    session: Session, draft_id: int, sent: Submission, *, by: str, now: datetime
) -> None:
    verb, _, about = sent.wish.partition(" ")
    number = about.rpartition(" ")[2]
    at = int(number) if number.isdecimal() and len(number) < 4 else -1
    if verb == "looked":
        open_doubts = editing.find(session, draft_id).warnings
        if 0 <= at < len(open_doubts):
            message = open_doubts[at]["message"]
            editing.dismiss_warning(session, draft_id, message, by=by, now=now)
    if verb in {"approve", "withdraw"} and 0 <= at < len(sent.form.quotes):
        _approve(session, draft_id, sent, verb, at, by=by, now=now)


def _approve(
    session: Session,
    draft_id: int,
    sent: Submission,
    verb: str,
    at: int,
    *,
    by: str,
    now: datetime,
) -> None:
    fields = sent.form.quotes[at]
    quote = quote_of(fields)
    if verb == "withdraw":
        quote_approvals.withdraw(session, draft_id, quote, by=by, now=now)
        return
    try:
        quote_approvals.approve(
            session, draft_id, quote, fields.approver, by=by, now=now
        )
    except FormError as error:
        raise FormError(f"quote-{at}-approver", str(error)) from error
