"""Rendering: what readers see, and what they must never see."""

import re
from dataclasses import replace
from datetime import date
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from flashmail.briefs.brief import Brief, Quote, Related, Section, SectionKind
from flashmail.links import Links
from flashmail.message import LEAVE, PIXEL, WATCH, Message, fields, fill
from flashmail.rendering import Rendered, Renderer, RenderError, Site, process

TEMPLATES = Path(__file__).parents[1] / "templates"
SITE = Site("Harbor & Sons", "12 Quay Street, Springfield", "https://mail.example.org")
LINKS = Links(SITE.base_url)
ANNE = {"first_name": "Anne <b>", "because": "Rivers & Ports", "address": "a@b.example"}


def brief(*paragraphs: str, **changes: Any) -> Brief:
    """Return a brief with some paragraphs of news."""
    latest = Section("Latest Developments", SectionKind.LATEST, paragraphs or ("A.",))
    made = Brief("Rail Line Delayed", date(2026, 4, 2), sections=(latest,))
    return replace(made, **changes)


NOTICE, ROUTE = "https://example.org/n?a=1&b=2", "https://example.org/r"
FULL = brief(
    f"The U.S. Navy said so on Monday. See [the *full* notice]({NOTICE}), **now**.",
    "Two questions:",
    "- who pays",
    f"- which [route]({ROUTE})",
    f"[Again]({ROUTE}), [us](mailto:a@b.example), [call](tel:+123).",
    quotes=(Quote("Guesses are expensive.", "Ana Ruiz", "Fellow"),),
    related=(Related("Reading a Tender", ("Li Wei", "Bo Ek"), NOTICE),),
    topics=("Pakistan",),
)


def render(made: Brief | None, template: str = "flash-brief", **more: Any) -> Rendered:
    return Renderer([TEMPLATES], SITE).render(made, template, **more)


class Page(HTMLParser):
    """Html as Python's own parser reads it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def read(html: str) -> str:
    """Return html as one reads it."""
    return " ".join(Page(html).words.split())


def as_anne_gets_it(message: Message) -> tuple[str, str]:
    """Return html and text with everything filled in for one reader."""
    html = fill(message.html, lambda field: escape(ANNE.get(field, "0" * 48)))
    return html, fill(message.text, lambda field: ANNE.get(field, "0" * 48))


def test_a_brief_stands_whole_in_both_parts() -> None:
    message = render(FULL).message

    words = ["Two questions:", "April 2, 2026", "Pakistan", "Ana Ruiz", "Fellow"]
    words += ["“Guesses are expensive.”", "Reading a Tender", "Li Wei and Bo Ek"]
    for word in words:
        assert word in read(message.html)
        assert word in " ".join(message.text.split())


def test_whatever_a_brief_says_is_escaped() -> None:
    names = ["title", "heading", "text", "person", "role", "topic", "reading"]
    said = {name: f"<script>{name}</script>" for name in names}
    made = brief(
        title=said["title"],
        sections=(Section(said["heading"], SectionKind.OTHER, ("A.",)),),
        quotes=(Quote(said["text"], said["person"], said["role"]),),
        topics=(said["topic"],),
        related=(Related(said["reading"]),),
    )

    message = render(made).message

    assert "script" not in [tag for tag, _ in Page(message.html).tags]
    for words in said.values():
        assert words in read(message.html)
        assert words in " ".join(message.text.split())


def test_a_brief_is_never_a_template() -> None:
    names = ["{{7*7}}", "{% raw %}", "{# x #}", "{{ site.name }}"]
    made = brief(quotes=tuple(Quote("Yes.", name) for name in names))

    message = render(made).message

    for name in names:
        assert name in read(message.html)
        assert name in message.text


def test_markdown_within_a_line_becomes_html_and_reads_well_in_text() -> None:
    message = render(FULL).message

    assert "<em>full</em>" in message.html
    assert "<strong>now</strong>" in message.html
    assert f"See the full notice ({NOTICE}), now." in " ".join(message.text.split())


def test_items_become_one_list() -> None:
    html = render(FULL).message.html

    assert html.count("<ul") == 1
    assert html.count("<li") == 2


def test_the_same_destination_has_the_same_number() -> None:
    rendered = render(FULL)

    assert rendered.destinations == (NOTICE, ROUTE)
    assert rendered.message.html.count(f'href="{LINKS.click(1)}"') == 2
    assert rendered.message.html.count(f'href="{LINKS.click(2)}"') == 2
    assert ROUTE not in rendered.message.html


def test_mail_and_telephone_are_not_counted() -> None:
    html = render(FULL).message.html

    assert 'href="mailto:a@b.example"' in html
    assert 'href="tel:+123"' in html


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "/news",
        "news",
        "//evil.example",
        "https:evil.example",
        "https://you@evil.example",
        "ftp://example.org/",
    ],
)
def test_a_link_that_leads_astray_is_refused(address: str) -> None:
    with pytest.raises(RenderError, match="link"):
        render(brief(f"[here]({address})"))


def test_so_is_one_of_related_reading() -> None:
    with pytest.raises(RenderError, match="https://"):
        render(brief(related=(Related("R", url="javascript:alert(1)"),)))


def test_nothing_is_left_unswapped() -> None:
    html, text = as_anne_gets_it(render(FULL).message)

    assert not {"\x01", "\x02"} & set(html + text)
    assert not re.search(r"fm[0-9a-f]{20}", html + text)
    assert "Rivers &amp; Ports" in html
    assert "Rivers & Ports" in text


def test_the_same_brief_gives_the_same_mail_to_the_last_byte() -> None:
    first = render(FULL)
    process.run.cache_clear()

    assert render(FULL) == first


def test_readers_are_counted_by_links_view_and_pixel() -> None:
    message = render(FULL).message

    assert fields(message.html) == {PIXEL, WATCH, LEAVE, "because", "address"}
    page = fill(message.html, lambda field: f"<{field}>")
    assert f'<img src="{LINKS.pixel("<pixel>")}"' in page.partition("</body>")[0]
    assert LINKS.view() in message.text


def test_untracked_mail_knows_no_token_but_the_one_to_leave() -> None:
    rendered = render(FULL, tracked=False)

    assert WATCH not in fields(rendered.message.html + rendered.message.text)
    assert f'href="{ROUTE}"' in rendered.message.html
    assert "<img" not in rendered.message.html
    assert rendered.destinations == ()


def test_the_subject_is_the_title() -> None:
    assert render(FULL).message.subject == "Rail Line Delayed"


def test_a_title_cannot_add_lines_to_the_subject() -> None:
    subject = render(brief(title="Calm\r\nBcc: x@y.example")).message.subject

    assert subject == "Calm Bcc: x@y.example"


def test_characters_that_no_mail_can_hold_are_left_out() -> None:
    made = brief("a\x00b\x01because|\x02c\ud800d\ufffee", title="\u202eabc\x1b")

    message = render(made).message

    assert message.subject == "abc"
    assert "abbecause|cde" in message.text


def test_a_no_break_space_in_an_attribute_stays_one() -> None:
    title = "Prix\u00a0: 5\u202f% \\ « oui »"

    page = Page(render(brief(title=title)).message.html)

    assert title in page.words
    assert title in [attributes.get("aria-label") for _, attributes in page.tags]


def test_html_that_gmail_would_cut_is_refused() -> None:
    with pytest.raises(RenderError, match="Gmail"):
        render(brief(*["word " * 200] * 100))


def test_plain_text_has_lines_of_a_length_one_likes_to_read() -> None:
    text = render(brief("word " * 200)).message.text

    assert max(len(line) for line in text.splitlines()) <= 76


def test_the_plain_text_has_the_way_out_on_a_line_of_its_own() -> None:
    assert LINKS.unsubscribe() in render(brief()).message.text.splitlines()


def test_quotes_get_a_section_where_the_brief_has_none_for_them() -> None:
    text = render(FULL).message.text

    assert text.index("Expert Analysis") < text.index("“Guesses")


def test_what_inboxes_preview_is_the_first_sentence() -> None:
    assert ">The U.S. Navy said so on Monday.</div>" in render(FULL).message.html


def test_urgent_mail_says_so() -> None:
    assert "Urgent" in read(render(brief(), "urgent").message.html)
    assert "Urgent" not in read(render(brief()).message.html)
    assert "Urgent" in read(render(brief(), urgent=True).message.html)


def test_a_digest_shows_each_of_its_briefs() -> None:
    two = (brief(title="One"), brief(title="Two"))
    extra = {
        "briefs": two,
        "frequency": "weekly",
        "groups": ({"topic": "Rivers", "briefs": two, "links": ("", "")},),
        "period": "Week 14",
    }

    message = render(None, "digest", extra=extra).message

    assert message.subject == "Harbor & Sons: Week 14"
    assert message.text.index("One") < message.text.index("Two")


def test_a_confirmation_knows_the_address_and_two_links_only() -> None:
    extra = {
        "confirm_url": "https://mail.example.org/y/1",
        "never_url": "https://mail.example.org/n/1",
    }

    rendered = render(None, "confirm", extra=extra)

    assert fields(rendered.message.html + rendered.message.text) == {"address"}
    assert rendered.destinations == ()
    for link in extra.values():
        assert f'href="{link}"' in rendered.message.html
        assert link in rendered.message.text.splitlines()


def test_a_correction_says_what_was_wrong() -> None:
    extra = {"correction": "Two routes, **not** three.\n\nWe regret it."}

    message = render(brief(), "correction", extra=extra).message

    assert "<strong>not</strong>" in message.html
    assert "Two routes, not three.\n\nWe regret it." in message.text
    assert message.subject == "Correction: Rail Line Delayed"


@pytest.mark.parametrize(
    ("template", "made", "extra"),
    [
        ("digest", None, {}),
        ("flash-brief", None, {}),
        ("flash-brief", brief(), {"sub": "x"}),
        ("correction", brief(), {"correction": object()}),
        ("nowhere", brief(), {}),
        ("../secrets", brief(), {}),
    ],
)
def test_an_order_that_does_not_fit_the_template_is_refused(
    template: str, made: Brief | None, extra: dict[str, object]
) -> None:
    with pytest.raises(RenderError):
        render(made, template, extra=extra)
