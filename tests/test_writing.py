"""The pages on which briefs are written, without any script."""

import re
from html import unescape

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from flashmail.database import reading
from flashmail.model import Draft, LinkCheck, LinkState, QuoteApproval, Role
from office import Office
from test_staff import enter, hire

PASTED = """April 23, 2026 | Flash Brief

Ministers Agree on Open Rivers

Latest Developments

Ministers agreed to share their gauges.

Expert Analysis

“It is a beginning.” — Jane Doe, Senior Fellow

Years of Talks

Talks began in 2011 and were broken off more than once since then.

Reading a Tender,” by Helene Brandt

Iran Pakistan Iron
"""

FIELD = re.compile(
    r'<(?:input|textarea)[^>]*?\bname="([^"]+)"[^>]*?(?:value="([^"]*)"[^>]*)?>'
    r"(?:([^<]*)</textarea>)?"
)


@pytest.fixture
def page(client: TestClient, office: Office) -> TestClient:
    """Edna pasted a text."""
    office.topic("Iran")
    office.topic("Pakistan")
    client.post("/briefs", data={"text": PASTED})
    return client


def fields(html: str) -> dict[str, object]:
    """What a browser would send of the editor's form."""
    form = html[
        html.index('<form id="draft"') : html.index(
            "</form>", html.index('<form id="draft"')
        )
    ]
    found: dict[str, object] = {"topic": []}
    for name, value, text in FIELD.findall(form):
        if name == "topic":
            found["topic"] = [*found["topic"], unescape(value)]  # type: ignore[misc]
        else:
            found[name] = unescape(text or value)
    for name, kinds in re.findall(r'<select name="([^"]+)">(.*?)</select>', form):
        found[name] = re.findall(r"<option selected>([^<]+)", kinds)[0]
    return found


def send(page: TestClient, wish: str = "", **changed: object) -> str:
    """Press a button of the editor's form; return the page it leads to."""
    given = fields(page.get("/briefs/1").text)
    known = {name.replace("_", "-"): value for name, value in changed.items()}
    answer = page.post("/briefs/1", data=given | known | {"wish": wish})
    if answer.status_code != 303:
        return answer.text
    return page.get(answer.headers["location"]).text


def draft(office: Office) -> Draft:
    found: Draft = office.get(Draft, 1)
    return found


def test_a_pasted_text_is_understood_and_doubted(page: TestClient) -> None:
    html = page.get("/briefs/1").text

    assert 'value="Ministers Agree on Open Rivers"' in html
    assert 'value="2026-04-23"' in html
    assert "It is a beginning." in html
    assert 'value="Helene Brandt"' in html
    assert 'name="topic" value="Pakistan"' in html
    assert "<strong>Line 19</strong>" in html
    assert "no such topic: &#39;Iron&#39;" in html


def test_saving_what_was_understood_changes_nothing(
    page: TestClient, office: Office
) -> None:
    before = draft(office).markdown
    send(page)

    assert draft(office).markdown == before


def test_a_doubt_is_fixed_in_place(page: TestClient, office: Office) -> None:
    html = send(page, "looked 0", topic=["Iran", "Pakistan", "Gulf", ""])

    assert "Iron" not in html
    assert "- Gulf" in draft(office).markdown
    assert "no such topic: &#39;Gulf&#39;" in html


def test_rows_come_and_go(page: TestClient, office: Office) -> None:
    assert 'name="quote-1-text"' in send(page, "add quote")
    send(page, quote_1_text="And an end.", quote_1_person="John Roe")
    send(page, "up quote 1")
    assert draft(office).markdown.index("An end".lower()) < draft(
        office
    ).markdown.index("a beginning")

    send(page, "drop quote 0")
    assert "John Roe" not in draft(office).markdown


def test_a_quote_is_approved_word_for_word(page: TestClient, office: Office) -> None:
    assert "Approved by Jane Doe" in send(page, "approve quote 0")
    assert "Not approved" in send(page, quote_0_text="It is an end.")
    assert "Approved by Jane Doe" in send(page, quote_0_text="It is a beginning.")
    assert "Not approved" in send(page, "withdraw quote 0")


def test_an_approval_needs_a_name(page: TestClient, office: Office) -> None:
    assert "Say who approved it" in send(page, "approve quote 0", quote_0_approver=" ")
    with reading(office.engine) as session:
        assert session.exec(select(QuoteApproval)).all() == []


def test_what_cannot_be_saved_stays_on_the_screen(
    page: TestClient, office: Office
) -> None:
    html = send(page, title="", quote_0_text="Words that took an hour.")

    assert "A brief needs a title." in html
    assert "Words that took an hour." in html
    assert draft(office).title == "Ministers Agree on Open Rivers"


def test_the_second_of_two_sees_the_difference(
    page: TestClient, office: Office
) -> None:
    boris = fields(page.get("/briefs/1").text)
    send(page, title="Ministers Quarrel")

    answer = page.post("/briefs/1", data=boris | {"title": "Ministers Agree Again"})
    shown = page.get(answer.headers["location"]).text

    assert draft(office).title == "Ministers Quarrel"
    assert "<del>Quarrel</del>" in shown
    assert "<ins>Agree Again</ins>" in shown
    page.post(answer.headers["location"], data={"revision": draft(office).version})
    assert draft(office).title == "Ministers Agree Again"


def test_typing_saves_and_says_so(page: TestClient, office: Office) -> None:
    given = fields(page.get("/briefs/1").text) | {"title": "Ministers Type"}
    answer = page.post("/briefs/1/typed", data=given)

    assert draft(office).title == "Ministers Type"
    assert answer.headers["hx-trigger"] == "brief-saved"
    assert f'id="revision" value="{draft(office).version}"' in answer.text


def test_typing_into_what_another_saved_says_so(
    page: TestClient, office: Office
) -> None:
    given = fields(page.get("/briefs/1").text)
    send(page, title="Ministers Quarrel")
    answer = page.post("/briefs/1/typed", data=given | {"title": "Ministers Type"})

    assert "saved another version meanwhile" in answer.text
    assert "hx-trigger" not in answer.headers


def test_the_links_of_what_was_saved_are_followed(
    page: TestClient, office: Office
) -> None:
    send(page, related_0_url="https://www.example.org/tender")

    check = office.get(LinkCheck, "https://www.example.org/tender")
    assert check.state is LinkState.ASKED


def test_what_is_written_is_sent_from_there(page: TestClient) -> None:
    (way,) = re.findall(r'href="(/campaigns/new[^"]+)"', page.get("/briefs/1").text)

    assert "Ministers Agree on Open Rivers" in page.get(way).text


def test_a_half_typed_date_is_no_loss(page: TestClient, office: Office) -> None:
    given = fields(page.get("/briefs/1").text) | {"date": ""}

    assert "Not saved yet" in page.post("/briefs/1/typed", data=given).text


def test_markdown_that_is_no_brief_is_kept_and_explained(
    page: TestClient, office: Office
) -> None:
    given = {"view": "markdown", "markdown": "---\ntitle: x\n", "revision": "2"}
    page.post("/briefs/1", data=given)
    html = page.get("/briefs/1").text

    assert draft(office).markdown == "---\ntitle: x\n"
    assert "This is no brief yet." in html
    assert 'name="markdown"' in html
    assert "There is no mail to show yet" in page.get("/briefs/1/preview").text


def test_a_text_without_a_date_is_given_back(client: TestClient) -> None:
    answer = client.post("/briefs", data={"text": "A Headline\nLatest Developments"})

    assert answer.status_code == 422
    assert "there is no date" in answer.text
    assert "A Headline" in answer.text
    again = {"text": "Latest Developments\nIt came.", "date": "2026-04-23"}
    assert client.post("/briefs", data=again | {"title": "T"}).status_code == 303


def test_one_can_begin_with_nothing(client: TestClient) -> None:
    assert "Begin with nothing" in client.get("/briefs/new").text
    assert client.post("/briefs", data={"blank": "yes"}).status_code == 303
    assert "Untitled" in client.get("/briefs").text


def test_what_is_put_away_can_be_taken_out(page: TestClient) -> None:
    page.post("/briefs/1/discard")
    assert (
        "Ministers" not in page.get("/briefs").text.split("<main")[1].split("notice")[0]
        or "Undo" in page.get("/briefs").text
    )
    assert "Ministers" in page.get("/briefs?discarded=true").text
    page.post("/briefs/1/take-out")
    assert "Ministers" in page.get("/briefs").text


def test_briefs_are_found_by_their_words(page: TestClient) -> None:
    assert "Ministers" in page.get("/briefs?q=GAUGES+share").text
    assert "No brief has all of these words" in page.get("/briefs?q=100%25").text


def test_the_mail_is_shown_as_a_reader_gets_it(
    page: TestClient, office: Office
) -> None:
    office.subscribe("Anne", "Iran")
    answer = page.get("/briefs/1/preview?reader=anne@example.org")

    assert "because you follow Iran" in " ".join(answer.text.split())
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]


def test_the_mail_is_shown_at_night_and_as_text(page: TestClient) -> None:
    dark = page.get("/briefs/1/preview?dark=true").text
    text = page.get("/briefs/1/preview?part=text").text

    assert "prefers-color-scheme" not in dark
    assert "(min-width: 0)" in dark
    assert "Ministers agreed to share their gauges." in text


def test_a_link_that_would_run_is_refused(page: TestClient) -> None:
    send(page, section_0_text="[x](javascript:alert(1))")

    assert "a link begins with https://" in page.get("/briefs/1/findings").text
    assert "There is no mail to show yet" in page.get("/briefs/1/preview").text


def test_nobody_of_that_address_is_said(page: TestClient) -> None:
    shown = page.get("/briefs/1/preview?reader=nobody@example.org").text

    assert "nobody has the address" in shown


def test_the_page_says_what_stands_in_the_way(page: TestClient) -> None:
    found = page.get("/briefs/1/findings").text

    assert "approved by nobody" in found
    assert "nobody would get it" in found


def test_a_viewer_reads_and_changes_nothing(page: TestClient, office: Office) -> None:
    office.subscribe("Anne", "Iran")
    hire(office, Role.ADMIN, "boss@example.org")
    hire(office, Role.VIEWER)
    enter(page)
    html = page.get("/briefs/1").text

    assert "<fieldset disabled>" in html
    assert "Save</button>" not in html
    assert page.post("/briefs/1", data={"revision": "2"}).status_code == 403
    asked = page.get("/briefs/1/preview?reader=anne@example.org").text
    assert "anne@example.org" not in asked


@pytest.mark.parametrize(
    "path", ["/briefs/7", "/briefs/1/versions/9", "/briefs/7/preview"]
)
def test_what_is_not_there_is_not_found(page: TestClient, path: str) -> None:
    assert page.get(path).status_code == 404
