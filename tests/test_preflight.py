"""Preflight: what would go wrong is said before a mail is approved."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from flashmail import bootstrap, briefs
from flashmail.audience.segment import Segment
from flashmail.briefs import Brief, Quote, Related, Section, SectionKind
from flashmail.campaigns import briefs as stored
from flashmail.campaigns import lifecycle
from flashmail.database import reading, transaction
from flashmail.findings import Finding, Level
from flashmail.links import Links
from flashmail.message import Message, mark
from flashmail.model import Draft, LinkCheck, LinkState, QuoteApproval, StoredBrief
from flashmail.preflight import Facts, LinkFact, examine
from flashmail.rendering.renderer import RICH
from flashmail.review.preflight import PreflightContext, check_draft, preflight
from office import NOON, Office

POSTAL = "1 Example Street, Springfield"
LEAVE = Links("https://mail.example.org").unsubscribe()
REPORT = "https://www.example.org/report"
QUOTE = Quote("It is a beginning.", "Jane Doe", "Senior Fellow")
BRIEF = Brief(
    title="Ministers Agree on Open Rivers",
    date=date(2026, 3, 2),
    sections=(
        Section("Latest Developments", SectionKind.LATEST, ("They agreed.",)),
        Section("Expert Analysis", SectionKind.ANALYSIS),
    ),
    quotes=(QUOTE,),
    related=(Related("The Report", (), REPORT),),
    topics=("Iran",),
)


def facts(**changed: Any) -> Facts:
    """A mail with nothing wrong about it."""
    brief = changed.pop("brief", BRIEF)
    message = Message(
        brief.title,
        f"<p>They agreed.</p><p>{POSTAL}</p><a href='{LEAVE}'>leave</a>",
        f"They agreed.\n\n{POSTAL}\n{LEAVE}\n",
        (("From", "Flash Briefs <briefs@example.org>"),),
    )
    message = replace(message, **changed.pop("message", {}))
    whole = Facts(
        message=message,
        moment=NOON,
        now=NOON,
        destinations=(REPORT,),
        brief=brief,
        markdown=briefs.write_markdown(brief),
        postal_address=POSTAL,
        approved_quotes=frozenset({QUOTE.content_hash}),
        links={REPORT: LinkFact(LinkState.ALIVE, "200", NOON)},
        audience=100,
        usual=90,
    )
    return replace(whole, **changed)


def said(**changed: Any) -> dict[str, Finding]:
    return {each.code: each for each in examine(facts(**changed))}


def with_text(*paragraphs: str) -> Brief:
    latest = Section("Latest Developments", SectionKind.LATEST, paragraphs)
    return replace(BRIEF, sections=(latest, BRIEF.sections[1]))


def test_nothing_is_said_of_a_mail_with_nothing_wrong_about_it() -> None:
    assert examine(facts()) == ()


HTML = facts().message.html
TEXT = facts().message.text

BLOCKING: list[tuple[str, dict[str, Any]]] = [
    ("unsubscribe", {"message": {"html": HTML.replace(LEAVE, REPORT)}}),
    ("unsubscribe", {"message": {"text": TEXT.replace(LEAVE, "")}}),
    ("postal-address", {"message": {"html": HTML.replace(POSTAL, "")}}),
    ("postal-address", {"message": {"text": TEXT.replace(POSTAL, "")}}),
    ("size", {"message": {"html": HTML + "<p>word</p>" * 9_100}}),
    ("alt", {"message": {"html": HTML + "<img src='https://example.org/a.png'>"}}),
    ("unfit", {"message": {"html": HTML + "<script>alert(1)</script>"}}),
    ("merge-field", {"message": {"html": HTML + mark("shoe_size")}}),
    ("merge-field", {"message": {"subject": "Dear {{ first_name }}"}}),
    ("relative-link", {"message": {"html": HTML + "<a href='/report'>x</a>"}}),
    ("dead-link", {"links": {REPORT: LinkFact(LinkState.DEAD, "404", NOON)}}),
    ("placeholder", {"message": {"subject": "Talks in TK"}}),
    ("unapproved-quote", {"approved_quotes": frozenset()}),
    ("unnamed-quote", {"brief": replace(BRIEF, quotes=(Quote("So it is.", ""),))}),
    ("embargo", {"embargo_until": NOON + timedelta(hours=1)}),
    ("audience", {"audience": 271}),
    ("nobody", {"audience": 0}),
    ("free-mail", {"message": {"headers": (("From", "X <x@gmail.com>"),)}}),
]


@pytest.mark.parametrize(("code", "changed"), BLOCKING)
def test_what_must_not_go_out_is_blocked(code: str, changed: dict[str, Any]) -> None:
    assert said(**changed)[code].level is Level.BLOCKS


WARNING: list[tuple[str, dict[str, Any]]] = [
    ("unchecked-link", {"links": {}}),
    ("unsure-link", {"links": {REPORT: LinkFact(LinkState.UNSURE, "403", NOON)}}),
    ("subject-length", {"message": {"subject": "Word " * 20}}),
    ("shouting", {"message": {"subject": "MINISTERS AGREE ON RIVERS"}}),
    ("exclamation", {"message": {"subject": "Ministers agree at last!"}}),
    ("shortener", {"destinations": ("https://bit.ly/x",)}),
    ("link-ratio", {"destinations": tuple(f"{REPORT}/{n}" for n in range(9))}),
    ("lure", {"message": {"html": HTML + "<p>Act now</p>"}}),
    ("reading-time", {"message": {"html": HTML + "<p>a word</p>" * 700}}),
    ("image-heavy", {"message": {"html": HTML + "<img src='cid:1' alt='A map'>"}}),
    ("urgent", {"urgent": True, "urgent_this_month": 4}),
    ("sent-before", {"sent_before": (7,)}),
    ("date", {"brief": replace(BRIEF, date=date(2026, 2, 1))}),
    ("date", {"brief": replace(BRIEF, date=date(2024, 8, 23))}),
]


@pytest.mark.parametrize(("code", "changed"), WARNING)
def test_what_needs_a_second_look_is_said(code: str, changed: dict[str, Any]) -> None:
    assert said(**changed)[code].level is Level.WARNS


@pytest.mark.parametrize(
    "words",
    [
        "The TK talks begin.",
        "Lorem ipsum dolor.",
        "About XX percent of them.",
        "[insert quote here]",
        "More TBD.",
        "Who said so???",
    ],
)
def test_unfinished_words_are_found_with_their_line(words: str) -> None:
    found = said(brief=with_text("They agreed.", words))["placeholder"]

    assert (found.level, found.where) == (Level.BLOCKS, "line 15")


@pytest.mark.parametrize(
    "words",
    [
        "The ATK group and TKO boxing.",
        "Pope Leo XIII spoke.",
        "[The text] is short.",
        "[Name them](https://example.org/) all.",
    ],
)
def test_words_that_only_look_unfinished_are_let_be(words: str) -> None:
    assert said(brief=with_text(words)) == {}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("On Tuesday, March 2, 2026 they met.", "weekday"),
        ("On Wednesday, April 23 they met.", "weekday"),
        ("On February 30 they met.", "date"),
        ("Since Feb. 29, 2025 they met.", "date"),
    ],
)
def test_dates_that_cannot_be_are_blocked(words: str, code: str) -> None:
    found = said(brief=with_text(words))[code]

    assert (found.level, found.where) == (Level.BLOCKS, "line 13")


@pytest.mark.parametrize(
    "words",
    [
        "On Monday, March 2, 2026 they met.",
        "On Monday, March 2 they met, and on Feb. 29, 2024.",
        "On Wednesday, December 31 they met.",  # of the year before
        "They may 5 times over.",
    ],
)
def test_dates_that_can_be_are_let_be(words: str) -> None:
    assert said(brief=with_text(words)) == {}


@pytest.mark.parametrize("day", [date(2026, 3, 20), date(2025, 3, 2)])
def test_a_mistyped_day_or_year_is_blocked(day: date) -> None:
    found = said(brief=replace(BRIEF, date=day))["date"]

    assert (found.level, found.where) == (Level.BLOCKS, "line 3")


def test_what_blocks_comes_first() -> None:
    found = examine(facts(audience=0, links={}, approved_quotes=frozenset()))

    assert [each.blocks for each in found] == [True, True, False]


def seen(html: str) -> list[str]:
    """What is said of a mail with this in it, about contrast and mail programs."""
    codes = ("contrast", "client-support")
    found = examine(facts(message={"html": HTML + html}))
    return [each.message for each in found if each.code in codes]


NIGHT = "@media (prefers-color-scheme: dark)"


@pytest.mark.parametrize(
    "html",
    [
        "<p style='color: #999'>faint words</p>",
        "<div style='background: #003'><p>faint words</p></div>",
        "<table bgcolor='#333333'><tr><td>faint words</td></tr></table>",
        "<style>.a p { color: rgb(153, 153, 153) }</style>"
        "<div class='a'><p>faint words</p></div>",
        "<p style='color: #767676; background-color: #eee'>faint words</p>",
    ],
)
def test_words_that_can_hardly_be_read_are_found(html: str) -> None:
    (message,) = seen(html)

    assert message.startswith("by day “faint words” has a contrast of ")


@pytest.mark.parametrize(
    "html",
    [
        "<p style='color: #595959'>clear words</p>",
        "<h1 style='color: #888; font-size: 32px'>large words</h1>",
        "<p style='color: #fff; display: none'>no words</p>",
        "<div style='background: #003; color: white'><p>clear words</p></div>",
        "<p style='color: var(--x)'></p>",
        f"<style>{NIGHT} {{ .a {{ color: #eee !important }} }}</style>",
        f"<style>{NIGHT} {{ .b, .a div {{ color: #eee }} }}</style><p class='a'>x</p>",
    ],
)
def test_words_that_can_be_read_are_let_be(html: str) -> None:
    assert [each for each in seen(html) if "contrast" in each] == []


def test_words_are_looked_at_by_night_as_well() -> None:
    style = f"<style>{NIGHT} {{ .page {{ background: #111 !important }} }}</style>"
    (message,) = seen(f"{style}<div class='page'><p style='color: #222'>dark</p></div>")

    assert message.startswith("at night “dark”")


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<div style='display:flex'>x</div>", "display:flex"),
        ("<p style='position: absolute'>x</p>", "position"),
        ("<style>@import url(x.css);</style>", "@import"),
        ("<style>li:nth-child(2) { color: #000 }</style>", ":nth-child"),
        ("<p style='width: calc(1px + 2px)'>x</p>", "CSS calc() function"),
        ("<video></video>", "<video> element"),
        ("<img src='https://example.org/a.svg' alt='A'>", "SVG image format"),
        ("<p style='font-size: 2rem'>x</p>", "rem unit"),
    ],
)
def test_what_mail_programs_lack_is_named(html: str, title: str) -> None:
    (message,) = [each for each in seen(html) if "contrast" not in each]

    assert message.startswith(f"{title} is not understood by ")


def test_our_own_templates_are_understood_and_can_be_read() -> None:
    kit = bootstrap.mail_kit(bootstrap.sample(Path("nowhere")))
    for template in ("flash-brief", "urgent"):
        made = kit.draft(RICH, Segment(), template=template).message

        assert seen(made.html) == []


def in_preflight(office: Office, campaign_id: int, **more: Any) -> dict[str, Finding]:
    with reading(office.engine) as session:
        found = preflight(session, campaign_id, now=office.now, **more)
    return {each.code: each for each in found}


def test_a_campaign_of_the_usual_size_is_let_through(office: Office) -> None:
    office.subscribe("Anne", "Iran")

    assert in_preflight(office, office.draft("Storm over Iran")) == {}


def test_a_campaign_to_nobody_is_not(office: Office) -> None:
    assert in_preflight(office, office.draft("Storm over Iran"))["nobody"].blocks


def test_three_times_the_usual_audience_needs_a_person(office: Office) -> None:
    for name in range(60):
        office.subscribe(f"reader{name}", "Iran" if name < 12 else "Pakistan")
    for _ in range(3):
        office.schedule("Of Iran", "Iran")
    office.send_all()

    to_all = office.draft("Of both", "Iran", "Pakistan")

    assert "60 people, 5.0 times" in in_preflight(office, to_all)["audience"].message
    assert "audience" not in in_preflight(office, office.draft("Of Iran", "Iran"))


def test_a_link_found_dead_blocks_until_it_is_found_alive(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    storm = office.draft("Storm over Iran", links=(REPORT,))
    assert "unchecked-link" in in_preflight(office, storm)

    found(office, LinkState.DEAD)
    assert in_preflight(office, storm)["dead-link"].blocks
    found(office, LinkState.ALIVE)
    assert in_preflight(office, storm) == {}
    office.later(days=2)
    assert "unchecked-link" in in_preflight(office, storm)


def found(office: Office, state: LinkState) -> None:
    with transaction(office.engine) as session:
        session.merge(
            LinkCheck(
                url=REPORT, state=state, asked_at=office.now, checked_at=office.now
            )
        )


def test_an_approved_quote_is_approved_word_for_word(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    storm = office.draft("Storm over Iran")
    of_brief(office, storm, BRIEF)
    assert in_preflight(office, storm)["unapproved-quote"].blocks

    approve(office, replace(QUOTE, text="It is an ending."))
    assert "unapproved-quote" in in_preflight(office, storm)
    approve(office, QUOTE)
    assert "unapproved-quote" not in in_preflight(office, storm)


def of_brief(office: Office, campaign_id: int, brief: Brief) -> None:
    with transaction(office.engine) as session:
        campaign = lifecycle.get_campaign(session, campaign_id)
        campaign.brief_id = stored.store_brief(
            session,
            brief.title,
            brief.date.isoformat(),
            briefs.write_markdown(brief),
            now=NOON,
        )


def approve(office: Office, quote: Quote) -> None:
    with transaction(office.engine) as session:
        draft = Draft(
            title="Storm",
            markdown="",
            created_at=NOON,
            created_by="Edna",
            changed_at=NOON,
            changed_by="Edna",
        )
        session.add(draft)
        session.flush()
        assert draft.id is not None
        session.add(
            QuoteApproval(
                draft_id=draft.id,
                quote_hash=quote.content_hash,
                approved_by=quote.person,
                noted_by="Edna",
                at=NOON,
            )
        )


def test_an_embargo_holds_until_the_moment_it_is_sent_for(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    storm = office.draft("Storm over Iran")
    of_brief(office, storm, replace(BRIEF, quotes=()))
    lifted = NOON + timedelta(hours=3)
    with transaction(office.engine) as session:
        brief_id = lifecycle.get_campaign(session, storm).brief_id
        stored = session.get_one(StoredBrief, brief_id)
        stored.embargo_until = lifted

    assert in_preflight(office, storm)["embargo"].blocks
    assert "embargo" not in in_preflight(office, storm, moment=lifted)


def test_a_brief_that_went_out_is_named(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    first, second = office.draft("Storm over Iran"), office.draft("Storm over Iran")
    for each in (first, second):
        of_brief(office, each, replace(BRIEF, quotes=()))

    assert f"campaign {first}" in in_preflight(office, second)["sent-before"].message


PRESS = bootstrap.mail_kit(bootstrap.sample(Path("nowhere")))


def ahead(office: Office, brief: Brief) -> dict[str, Finding]:
    """What is said of a brief that somebody is still writing."""
    office.subscribe("Anne", "Iran")
    around = PreflightContext(markdown=briefs.write_markdown(brief))
    segment = Segment(any=brief.topics)
    with reading(office.engine) as session:
        found = check_draft(session, PRESS, brief, segment, around, now=NOON)
    return {each.code: each for each in found}


def test_a_relative_link_in_a_brief_is_found_with_its_line(office: Office) -> None:
    related = (Related("The Report", (), "reports/2026.html"),)
    found = ahead(office, replace(BRIEF, related=related))["relative-link"]

    assert (found.level, found.where) == (Level.BLOCKS, "line 8")


def test_a_brief_too_long_for_gmail_is_blocked(office: Office) -> None:
    long = with_text(*["Talks went on, and on, and on. " * 20] * 200)

    assert ahead(office, long)["size"].blocks


def test_a_topic_that_nobody_knows_is_blocked(office: Office) -> None:
    assert ahead(office, replace(BRIEF, topics=("Iron",)))["unknown-topic"].blocks
