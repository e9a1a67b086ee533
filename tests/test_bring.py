"""From a Word document or a page of the web to a brief, with nothing made up."""

import time

import pytest
from fastapi.testclient import TestClient

from flashmail import briefs
from flashmail.briefs import Quote, SectionKind
from flashmail.drafts.html_text import text_of_html, text_of_page
from flashmail.drafts.sources import DraftSource, text_of, text_of_docx
from flashmail.errors import CannotImport
from flashmail.fetch import CannotFetch, Fetched
from flashmail.model import Draft
from office import Office
from word import document, packed

WRITTEN = [
    ("", "April 23, 2026 | Flash Brief"),
    ("Title", "Ministers Agree on Open Rivers"),
    ("Heading1", "Latest Developments"),
    ("", "Ministers agreed & signed."),
    ("Heading1", "Expert Analysis"),
    ("Quote", "“It is a beginning.” — Jane Doe, Senior Fellow"),
    ("Heading2", "Years of Talks"),
    ("", "Talks began in 2011."),
    ("", "Iran Pakistan"),
]

PAGE = """<!doctype html><html><head><title>Rivers | The Institute</title>
<meta property="og:title" content="Ministers Agree on Open Rivers">
<meta property="article:published_time" content="2026-04-23T08:00:00Z">
<meta property="article:tag" content="Iran"><style>p { color: red }</style></head>
<body><nav><a href="/">Home</a> <a href="/about">About us</a></nav>
<article class="card"><p>Another piece, in short.</p></article>
<article><h2>Latest Developments</h2>
<p>Ministers <a href="https://example.org/text">agreed</a> to share<br>
their gauges, after years of talks in which nobody had expected it any more.</p>
<ul><li>Every hour.</li><li>In three capitals.</li></ul>
<h2>Expert Analysis</h2>
<blockquote><p>“It is a beginning, and it has to be followed by readings that can be
trusted on all sides.” — Jane Doe, Senior Fellow</p></blockquote>
<script>document.title = "ran"</script><aside>Subscribe!</aside>
</article><footer>© The Institute</footer></body></html>"""


def test_a_word_document_becomes_a_brief() -> None:
    brief = briefs.read(text_of_docx(document(WRITTEN)), topics=["Iran", "Pakistan"])

    assert brief.title == "Ministers Agree on Open Rivers"
    assert brief.date.isoformat() == "2026-04-23"
    assert [each.heading for each in brief.sections] == [
        "Latest Developments",
        "Expert Analysis",
        "Years of Talks",
    ]
    assert brief.sections[0].paragraphs == ("Ministers agreed & signed.",)
    assert brief.quotes == (Quote("It is a beginning.", "Jane Doe", "Senior Fellow"),)
    assert brief.topics == ("Iran", "Pakistan")
    assert brief.doubts == ()


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 and then nothing",
        packed({"a.txt": "no document"}),
        document(WRITTEN, before='<!DOCTYPE x [<!ENTITY a "b">]>'),
    ],
)
def test_what_is_no_word_document_is_refused(data: bytes) -> None:
    with pytest.raises(CannotImport, match="damaged"):
        text_of_docx(data)


def test_a_document_that_unpacks_to_too_much_is_refused() -> None:
    bomb = packed({"word/document.xml": b" " * 30_000_000})

    assert len(bomb) < 100_000
    with pytest.raises(CannotImport, match="too large"):
        text_of_docx(bomb)


def page_of(text: str) -> briefs.Brief:
    return briefs.read(text_of_page(text.encode()), topics=["Iran"])


def test_a_page_becomes_a_brief_without_what_stands_around_it() -> None:
    brief = page_of(PAGE)

    assert brief.title == "Ministers Agree on Open Rivers"
    assert brief.date.isoformat() == "2026-04-23"
    latest = brief.sections[0]
    assert latest.kind is SectionKind.LATEST
    assert latest.paragraphs[0].startswith("Ministers [agreed](https://example.org/t")
    assert latest.paragraphs[-2:] == ("- Every hour.", "- In three capitals.")
    assert [each.person for each in brief.quotes] == ["Jane Doe"]
    assert brief.topics == ("Iran",)
    whole = briefs.write_markdown(brief)
    for word in ("About us", "Another piece", "Subscribe", "Institute", "color", "ran"):
        assert word not in whole.replace("Iran", "")


def test_a_page_without_text_says_what_to_do() -> None:
    with pytest.raises(CannotImport, match="Paste the text"):
        text_of_page(b"<html><body><script>render()</script></body></html>")


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        ("<p>Café</p>".encode("latin-1"), "iso-8859-1"),
        ("<meta charset=windows-1252><p>Café</p>".encode("cp1252"), ""),
        ("<p>Café</p>".encode(), "no-such-charset"),
        ("<p>Café</p>".encode("cp1252"), ""),
    ],
)
def test_a_page_is_read_in_its_own_letters(data: bytes, charset: str) -> None:
    assert text_of_page(data, charset) == "\nCafé"


def test_a_page_nested_beyond_reason_is_refused() -> None:
    with pytest.raises(CannotImport, match="nested"):
        text_of_html("<div>" * 3_000)


@pytest.mark.parametrize(
    "broken",
    [
        "<!--",
        "<a ",
        "<p",
        "<",
        "&",
        "<script>",
        "</p",
        "<b></b>",
        '<a href="',
        "<![",
        "<p>",
    ],
)
def test_a_broken_page_takes_no_longer_than_a_whole_one(broken: str) -> None:
    begun = time.process_time()
    text_of_html(f"<p>One</p>{broken * (100_000 // len(broken))}")

    assert time.process_time() - begun < 3


def test_what_stands_in_quotes_is_no_tag() -> None:
    said = text_of_html("<p><a title='a > b' href=https://example.org/>x</a> 1 < 2</p>")

    assert said == "\n[x](https://example.org/) 1 < 2"


def test_paragraphs_need_no_end() -> None:
    assert text_of_html("<p>One<p>Two<ul><li>a<li>b</ul>") == "\nOne\n\nTwo\n\n- a\n- b"


def test_a_link_that_could_break_out_stays_text() -> None:
    said = text_of_html("<p><a href='https://example.org/a)b'>x</a> [y]</p>")

    assert said == "\nx [y]"


def answering(status: int, kind: str, body: bytes) -> Fetched:
    return Fetched("https://example.org/", status, kind, "", body)


def test_an_address_is_fetched_and_read() -> None:
    source = DraftSource(url=" https://example.org/ ")
    page = answering(200, "text/html", PAGE.encode())

    assert "their gauges" in text_of(source, fetch=lambda url: page)


def test_a_page_that_is_not_there_is_said() -> None:
    page = answering(404, "text/html", b"<p>Sorry</p>")

    with pytest.raises(CannotImport, match="answered 404"):
        text_of(DraftSource(url="https://example.org/"), fetch=lambda url: page)


def test_who_cannot_fetch_is_told_to_paste() -> None:
    def refuse(url: str) -> Fetched:
        raise CannotFetch(f"{url} is refused.")

    with pytest.raises(CannotImport, match="Paste the text"):
        text_of(DraftSource(url="https://example.org/"), fetch=refuse)


def test_a_document_is_uploaded_in_the_page(client: TestClient, office: Office) -> None:
    given = {"file": ("brief.docx", document(WRITTEN))}

    assert client.post("/briefs", files=given).status_code == 303
    assert office.get(Draft, 1).title == "Ministers Agree on Open Rivers"


def test_no_page_of_our_own_network_is_read_in_the_page(client: TestClient) -> None:
    answer = client.post("/briefs", data={"url": "http://127.0.0.1:1/"})

    assert answer.status_code == 422
    assert "not on the public internet" in answer.text


def test_a_picture_in_the_place_of_a_text_is_refused(client: TestClient) -> None:
    given = {"file": ("brief.txt", b"\x89PNG\r\n\x1a\n" + bytes(200))}

    assert "cannot be read" in client.post("/briefs", files=given).text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One<br>and two</p>", "\nOne and two"),
        ("<p>One<br><br>Two</p>", "\nOne\n\nTwo"),
        ("<p>One<br>\n <br/>Two</p>", "\nOne\n\nTwo"),
    ],
)
def test_a_broken_line_is_a_space_and_two_are_a_paragraph(html: str, text: str) -> None:
    assert text_of_html(html) == text
