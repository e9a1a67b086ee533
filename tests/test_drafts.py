"""Writing: two editors, one brief, and nothing that either wrote is lost."""

from datetime import datetime
from pathlib import Path

import pytest
from sqlmodel import select

import flashmail
from flashmail import briefs
from flashmail.briefs import Brief, Quote
from flashmail.database import reading, transaction
from flashmail.drafts import editing, quote_approvals
from flashmail.drafts import versions as history
from flashmail.drafts.form import Form, form_from, form_of, markdown_of
from flashmail.drafts.versions import difference
from flashmail.errors import DraftNotFound, FormError
from flashmail.model import AuditEntry, Draft
from flashmail.rendering.renderer import RICH
from office import NOON, Office

DEMO = (Path(flashmail.__file__).parent / "demo" / "brief.md").read_bytes()

STORM = """---
title: Storm over Iran
date: 2026-03-02
topics:
- Iran
---

## Latest Developments

A storm came.

## Expert Analysis

> It was a storm.
>
> — Jane Doe, Senior Fellow
"""


class Desk:
    """Two editors at one desk."""

    def __init__(self, office: Office) -> None:
        self.office = office
        office.topic("Iran")
        with transaction(office.engine) as session:
            self.id = editing.begin(session, STORM, by="Edna", now=office.now)

    def save(
        self,
        text: str,
        revision: int,
        by: str,
        origin: str = "saved",
        screen: str = "",
    ) -> editing.SaveResult:
        with transaction(self.office.engine) as session:
            return editing.save(
                session,
                self.id,
                text,
                version=revision,
                by=by,
                now=self.office.now,
                origin=origin,
                editor_tab=screen,
            )

    @property
    def draft(self) -> Draft:
        draft: Draft = self.office.get(Draft, self.id)
        return draft

    @property
    def versions(self) -> list[tuple[int, str, str]]:
        with reading(self.office.engine) as session:
            kept = history.versions(session, self.id)
        return [(each.number, each.saved_by, each.origin) for each in kept]


@pytest.fixture
def two(office: Office) -> Desk:
    return Desk(office)


def worded(words: str) -> str:
    return STORM.replace("A storm came.", words)


def test_a_saved_brief_has_its_earlier_forms(two: Desk) -> None:
    saved = two.save(worded("A storm went."), 1, "Edna")

    assert saved == editing.SaveResult(2)
    assert two.draft.markdown == worded("A storm went.")
    assert two.versions == [(2, "Edna", "saved"), (1, "Edna", "understood")]


def test_the_second_of_two_is_refused_and_kept_aside(two: Desk) -> None:
    two.save(worded("A storm went."), 1, "Edna")
    refused = two.save(worded("A storm stayed."), 1, "Boris")

    assert refused == editing.SaveResult(2, conflicting=3)
    assert "went" in two.draft.markdown
    with reading(two.office.engine) as session:
        assert "stayed" in history.version(session, two.id, 3).markdown


def test_who_goes_on_typing_into_a_refusal_leaves_one_version(two: Desk) -> None:
    two.save(worded("A storm went."), 1, "Edna")
    for words in ("A", "A storm", "A storm stayed."):
        two.save(worded(words), 1, "Boris", history.TYPED)

    assert [number for number, _, _ in two.versions] == [3, 2, 1]


def test_after_a_refusal_the_next_form_has_a_number_of_its_own(two: Desk) -> None:
    two.save(worded("A storm went."), 1, "Edna")
    two.save(worded("A storm stayed."), 1, "Boris")

    assert two.save(worded("It went, it stayed."), 2, "Boris") == editing.SaveResult(4)


def test_what_is_saved_while_typing_leaves_few_versions(two: Desk) -> None:
    revision = 1
    for second in range(20):
        two.office.later(seconds=30)
        text = worded(f"A storm came {second}.")
        revision = two.save(text, revision, "Edna", history.TYPED).version

    assert len(two.versions) == 3
    assert two.draft.version == revision == two.versions[0][0]


def test_saving_what_is_there_changes_nothing(two: Desk) -> None:
    assert two.save(STORM, 1, "Edna") == editing.SaveResult(1)
    assert len(two.versions) == 1


def test_nobody_is_in_their_own_way_on_one_screen(two: Desk) -> None:
    two.save(worded("A storm w"), 1, "Edna", history.TYPED, screen="a")
    late = two.save(worded("A storm went."), 1, "Edna", screen="a")
    assert (late.conflicting, "went" in two.draft.markdown) == (0, True)

    two.save(worded("It came back."), late.version, "Boris", screen="b")
    assert two.save(worded("It is over."), 1, "Edna", screen="a").conflicting


def test_the_same_person_on_two_screens_is_two(two: Desk) -> None:
    two.save(worded("A storm went."), 1, "Edna", screen="a")

    assert two.save(worded("A storm stayed."), 1, "Edna", screen="b").conflicting


def test_an_earlier_form_comes_back_as_a_new_one(two: Desk) -> None:
    two.save(worded("A storm went."), 1, "Edna")
    with transaction(two.office.engine) as session:
        editing.restore_version(session, two.id, 1, version=2, by="Boris", now=NOON)

    assert two.draft.markdown == STORM
    assert two.versions[0] == (3, "Boris", "version 1 again")


def test_what_is_put_away_takes_no_changes_until_it_is_taken_out(two: Desk) -> None:
    with transaction(two.office.engine) as session:
        editing.discard(session, two.id, by="Edna", now=NOON)
    assert two.save(worded("Late."), 1, "Boris").conflicting == 2

    with transaction(two.office.engine) as session:
        editing.undiscard(session, two.id, by="Edna", now=NOON)
    assert two.save(worded("In time."), 1, "Boris") == editing.SaveResult(3)


def test_a_text_that_is_no_brief_is_a_draft_nevertheless(two: Desk) -> None:
    two.save("---\ntitle: [\n---\n", 1, "Edna")

    with reading(two.office.engine) as session:
        read = editing.read(session, two.draft.markdown)
    assert read.brief is None
    assert read.problem.startswith("line 2: ")
    assert two.draft.title == "Storm over Iran"


def test_the_embargo_of_the_text_is_that_of_the_draft(two: Desk) -> None:
    text = STORM.replace("topics:", "embargo: 2026-03-05 09:00 Europe/Paris\ntopics:")
    two.save(text, 1, "Edna")

    assert two.draft.embargo_until == datetime.fromisoformat("2026-03-05T08:00Z")


def test_doubts_stay_until_somebody_has_looked(office: Office) -> None:
    original = "03/04/2026\nStorm\nLatest Developments\nIt came.\n"
    read = briefs.read(original)
    with transaction(office.engine) as session:
        draft_id = editing.begin(
            session,
            briefs.write_markdown(read),
            by="Edna",
            now=NOON,
            original=original,
            doubts=read.doubts,
        )
    (doubt,) = office.get(Draft, draft_id).warnings
    assert (doubt["line"], doubt["said"]) == (1, "03/04/2026")

    with transaction(office.engine) as session:
        editing.dismiss_warning(
            session, draft_id, doubt["message"], by="Edna", now=NOON
        )
    assert office.get(Draft, draft_id).warnings == []


def test_an_approval_is_lost_with_a_word(two: Desk) -> None:
    quote = Quote("It was a storm.", "Jane Doe", "Senior Fellow")
    with transaction(two.office.engine) as session:
        quote_approvals.approve(session, two.id, quote, "Jane Doe", by="Edna", now=NOON)

    assert approved(two) == ["Jane Doe"]
    two.save(STORM.replace("was a storm", "was no storm"), 1, "Edna")
    assert approved(two) == []


def test_an_approval_can_be_taken_back(two: Desk) -> None:
    quote = Quote("It was a storm.", "Jane Doe", "Senior Fellow")
    with transaction(two.office.engine) as session:
        quote_approvals.approve(session, two.id, quote, "Jane Doe", by="Edna", now=NOON)
        quote_approvals.withdraw(session, two.id, quote, by="Boris", now=NOON)

    assert approved(two) == []


def approved(two: Desk) -> list[str]:
    with reading(two.office.engine) as session:
        brief = editing.read(session, two.draft.markdown).brief
        assert brief is not None
        known = quote_approvals.approvals(session, brief.quotes)
    return [each.approved_by for each in known.values()]


def test_it_is_written_down_who_did_what(two: Desk) -> None:
    two.save(worded("A storm went."), 1, "Edna")
    with reading(two.office.engine) as session:
        entries = session.exec(select(AuditEntry)).all()

    assert [(each.done_by, each.action) for each in entries] == [
        ("Edna", "begin"),
        ("Edna", "save"),
    ]


def test_there_is_no_draft_that_nobody_began(two: Desk) -> None:
    with reading(two.office.engine) as session, pytest.raises(DraftNotFound):
        history.version(session, two.id, 7)


@pytest.mark.parametrize("brief", [RICH, briefs.read(STORM), briefs.read(DEMO)])
def test_a_brief_in_fields_is_the_same_brief(brief: Brief) -> None:
    text = markdown_of(form_of(brief))

    assert briefs.read(text) == briefs.read(briefs.write_markdown(brief))


def test_fields_are_read_row_by_row() -> None:
    form = form_from(
        {
            "title": " Storm  over\nIran ",
            "date": "2026-03-02",
            "section-0-heading": "Latest Developments",
            "section-0-kind": "latest",
            "section-0-text": "One.\r\nstill one.\r\n\r\n- a\r\n- b\r\n",
            "section-1-heading": "",
            "quote-0-text": "It was.",
            "quote-0-person": "Jane Doe",
            "related-0-title": "A Report",
            "related-0-authors": "Ann Lee; Bob Roe;",
            "related-0-url": "https://example.org/",
            "related-2-title": "never reached",
        },
        ["Iran", " ", "Iran"],
    )
    brief = briefs.read(markdown_of(form))

    assert (brief.title, brief.topics) == ("Storm over Iran", ("Iran",))
    assert brief.sections[0].paragraphs == ("One. still one.", "- a", "- b")
    assert brief.quotes == (Quote("It was.", "Jane Doe"),)
    assert brief.related[0].authors == ("Ann Lee", "Bob Roe")


@pytest.mark.parametrize(
    ("form", "field"),
    [
        (Form(date="2026-03-02"), "title"),
        (Form(title="Storm"), "date"),
        (Form(title="Storm", date="2026-02-30"), "date"),
        (Form(title="Storm", date="2026-03-02", embargo="noon"), "embargo"),
    ],
)
def test_a_field_that_no_brief_can_have_is_named(form: Form, field: str) -> None:
    with pytest.raises(FormError) as refused:
        markdown_of(form)

    assert refused.value.field == field


def test_no_mark_of_a_message_gets_into_a_brief() -> None:
    form = Form(title="St\x01name|\x02orm", date="2026-03-02", topics=("I\x01ran",))

    assert "\x01" not in markdown_of(form)


def test_the_difference_is_shown_by_the_word() -> None:
    rows = difference("one\ntwo words here\nthree", "one\ntwo other words here\nthree")

    new = [each.text for row in rows for each in row.pieces if each.kind == "new"]
    assert "".join(new).strip() == "other"


def test_no_difference_is_none() -> None:
    assert difference(STORM, STORM) == []


def test_what_did_not_change_is_left_out() -> None:
    many = "\n".join(map(str, range(50)))
    rows = difference(many, many.replace("\n25\n", "\nnew\n"))

    assert [row.skipped for row in rows if row.skipped] == [23, 22]
