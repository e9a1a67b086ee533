"""Segments and topics in the page: built by clicks, counted, compared, taken back."""

from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from flashmail import bootstrap
from flashmail.audience import counts, saved_segments
from flashmail.audience.segment import (
    ConditionRow,
    ConditionRows,
    Segment,
    rows_of,
    where_of,
)
from flashmail.bootstrap import count_everybody
from flashmail.database import reading, transaction
from flashmail.errors import SegmentNotFound, WrongInput
from flashmail.model import HeadcountKind, Role, SubscriberStatus
from flashmail.web.page import growth_of
from office import NOON, Office
from test_staff import EDNA, PASSWORD, hire

OF_FILE = {"Iran watchers": Segment("Iran watchers", any=("Iran",))}

IRAN_PRESS = {
    "name": "Iran press",
    "topic:Iran": "any",
    "topic:Pakistan": "none",
    "field": ["organisation", ""],
    "operator": ["contains", "="],
    "value": ["Times", ""],
}


@pytest.fixture
def readers(office: Office, tmp_path: Path) -> Office:
    """Anne and Boris follow Iran, Boris also Pakistan; the file has a segment."""
    kit = {"organisation": "Example Times"}
    office.subscribe("Anne", "Iran", attributes=kit)
    office.subscribe("Boris", "Iran", "Pakistan", attributes=kit)
    (tmp_path / "subscribers").mkdir()
    (tmp_path / "subscribers" / "segments.toml").write_text(
        '[[segment]]\nname = "Iran watchers"\nany = ["Iran"]\n'
    )
    return office


def keep(
    readers: Office, segment: Segment, segment_id: int | None = None
) -> int | None:
    with transaction(readers.engine) as session:
        return saved_segments.keep(
            session,
            segment,
            taken=OF_FILE,
            segment_id=segment_id,
            by="Edna",
            now=readers.now,
        ).id


def names(readers: Office) -> list[str]:
    with reading(readers.engine) as session:
        return list(saved_segments.merged(session, OF_FILE))


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("", ConditionRows()),
        ('country = "pk"', ConditionRows((ConditionRow("country", "=", "pk"),))),
        (
            'country in ("pk", "ir") and name not contains "x"',
            ConditionRows(
                (
                    ConditionRow("country", "in", "pk, ir"),
                    ConditionRow("name", "not contains", "x"),
                )
            ),
        ),
        (
            'a = "1" or b < "2"',
            ConditionRows(
                (ConditionRow("a", "=", "1"), ConditionRow("b", "<", "2")), True
            ),
        ),
        ('a = "1" and (b = "2" or c = "3")', None),
        ('not (a = "1" and b = "2")', None),
        ('a in ("x, y", "z")', None),
    ],
)
def test_a_condition_is_shown_as_rows_where_it_is_rows(
    where: str, rows: ConditionRows | None
) -> None:
    assert rows_of(where) == rows
    if rows is not None:
        assert rows_of(where_of(rows.rows, either=rows.either)) == rows


def test_rows_and_words_hold_together() -> None:
    row = ConditionRow("country", "=", 'the "south"')

    assert where_of([row]) == "country = 'the \"south\"'"
    assert where_of([row], text='a = "1" or b = "2"') == (
        '(country = \'the "south"\') and (a = "1" or b = "2")'
    )
    assert where_of([ConditionRow("", "=", "x")]) == ""


@pytest.mark.parametrize(
    "row",
    [
        ConditionRow("two words", "=", "x"),
        ConditionRow("status", "=", "active"),
        ConditionRow("country", "or 1 =", "x"),
        ConditionRow("country", "in", " , "),
        ConditionRow("country", "=", "both \" and '"),
        ConditionRow('a = "1" or b', "=", "x"),
    ],
)
def test_a_row_says_one_comparison_and_nothing_else(row: ConditionRow) -> None:
    with pytest.raises(WrongInput):
        where_of([row])


def test_a_segment_is_kept_changed_deleted_and_restored(readers: Office) -> None:
    number = keep(readers, Segment("Press", any=("Iran",)))
    keep(readers, Segment("The press", all=("Iran",)), number)
    changed = names(readers)
    with transaction(readers.engine) as session:
        saved_segments.delete(session, number or 0, by="Edna", now=NOON)
    deleted = names(readers)
    with transaction(readers.engine) as session:
        saved_segments.restore(session, number or 0, taken=OF_FILE, by="Edna", now=NOON)

    assert changed == ["Iran watchers", "The press"]
    assert deleted == ["Iran watchers"]
    assert names(readers) == changed


@pytest.mark.parametrize("name", ["iran  WATCHERS", "press", "", "x" * 101, "a\nb"])
def test_no_two_segments_are_called_alike(readers: Office, name: str) -> None:
    keep(readers, Segment("Press", any=("Iran",)))

    with pytest.raises(WrongInput):
        keep(readers, Segment(name, any=("Iran",)))


@pytest.mark.parametrize("segment", [Segment("X"), Segment("X", any=("Atlantis",))])
def test_a_segment_says_something_that_there_is(
    readers: Office, segment: Segment
) -> None:
    with pytest.raises(WrongInput):
        keep(readers, segment)


def test_a_name_given_away_meanwhile_is_not_taken_back(readers: Office) -> None:
    number = keep(readers, Segment("Press", any=("Iran",)))
    with transaction(readers.engine) as session:
        saved_segments.delete(session, number or 0, by="Edna", now=NOON)
    keep(readers, Segment("press", any=("Iran",)))

    with (
        pytest.raises(WrongInput, match="already"),
        transaction(readers.engine) as session,
    ):
        saved_segments.restore(session, number or 0, taken=OF_FILE, by="Edna", now=NOON)


def test_of_two_with_one_name_neither_is_sent_to(readers: Office) -> None:
    keep(readers, Segment("Press", any=("Iran",)))
    both = OF_FILE | {"Press": Segment("Press", any=("Pakistan",))}

    with reading(readers.engine) as session:
        with pytest.raises(WrongInput, match="two segments"):
            saved_segments.named(session, both, "Press")
        with pytest.raises(SegmentNotFound, match="Iran watchers, Press"):
            saved_segments.named(session, OF_FILE, "Nothing")


def test_what_is_made_in_the_page_is_known_everywhere(
    readers: Office, tmp_path: Path
) -> None:
    keep(readers, Segment("Press", all=("Pakistan",)))

    found = bootstrap.segment(tmp_path, "Press", readers.engine)

    assert found == Segment("Press", all=("Pakistan",))
    assert list(bootstrap.segments(tmp_path, readers.engine)) == [
        "Iran watchers",
        "Press",
    ]


def test_what_two_have_in_common(readers: Office) -> None:
    iran, both = Segment(any=("Iran",)), Segment(all=("Iran", "Pakistan"))

    with reading(readers.engine) as session:
        assert counts.overlap(session, iran, both) == counts.Overlap(2, 1, 1)
        assert counts.overlap(session, both, Segment(where='name = "Anne"')).both == 0


def test_a_segment_is_built_by_the_form(client: TestClient, readers: Office) -> None:
    counted = client.get("/segments/count", params=IRAN_PRESS).text
    answer = client.post("/segments", data=IRAN_PRESS)
    shown = client.get(answer.headers["location"]).text
    listed = client.get("/segments").text

    assert ">1</strong> person" in counted
    assert "anne@example.org" in counted
    assert "boris@example.org" not in counted
    assert "organisation contains" in shown
    assert "Iran press" in listed
    assert "this page" in listed
    assert names(readers) == ["Iran watchers", "Iran press"]


def test_the_form_shows_what_was_kept(client: TestClient, readers: Office) -> None:
    client.post("/segments", data=IRAN_PRESS)

    form = client.get("/segments/1/edit").text
    client.post("/segments/1", data=IRAN_PRESS | {"name": "Press", "value": ["Post"]})

    assert 'name="topic:Iran" value="any" aria-label="Iran: any" checked' in form
    assert 'value="times"' in form
    assert names(readers) == ["Iran watchers", "Press"]
    client.post("/segments/1/delete")
    assert names(readers) == ["Iran watchers"]
    client.post("/segments/1/restore")
    assert names(readers) == ["Iran watchers", "Press"]


def test_what_the_form_cannot_say_is_told_while_it_is_filled(
    client: TestClient, readers: Office
) -> None:
    wrong = client.get("/segments/count", params={"where": "country ="}).text
    nothing = client.get("/segments/count").text
    unknown = client.get("/segments/count", params={"topic:Atlantis": "any"}).text

    assert 'role="alert"' in wrong
    assert "means nobody" in nothing
    assert "Atlantis" in unknown


def test_the_files_segments_are_read_only(client: TestClient, readers: Office) -> None:
    shown = client.get("/segments/one", params={"name": "Iran watchers"}).text

    assert "changed there" in shown
    assert "/edit" not in shown
    assert client.get("/segments/7/edit").status_code == 404


def test_one_may_ask_who_is_in_a_segment(client: TestClient, readers: Office) -> None:
    def asked(who: str) -> str:
        query = {"name": "Iran watchers", "address": who}
        text = client.get("/segments/one", params=query).text
        return text.replace("<strong>", "").replace("</strong>", "")

    assert "is in it: follows Iran" in asked("anne@example.org").replace(
        "</strong>", ""
    )
    assert "is not in it: is no subscriber" in asked("x@example.org")
    assert 'role="alert"' in asked("nonsense")


def test_two_are_compared_in_the_page(client: TestClient, readers: Office) -> None:
    client.post("/segments", data=IRAN_PRESS)

    query = {"one": "Iran watchers", "other": "Iran press"}
    answer = client.get("/segments", params=query).text

    assert "50 % and 100 %" in answer


def test_everybody_is_counted_day_by_day(readers: Office, tmp_path: Path) -> None:
    def count(after: timedelta) -> None:
        count_everybody(readers.engine, tmp_path, now=NOON + after)

    count(timedelta())
    readers.subscribe("Chloe", "Iran", status=SubscriberStatus.PAUSED)
    readers.subscribe("Dora", "Iran")
    count(timedelta(days=8))
    count(timedelta(days=8, hours=1))

    with reading(readers.engine) as session:
        heads = counts.latest(session, HeadcountKind.TOPIC)
        line = counts.growth(session, HeadcountKind.TOPIC, now=NOON + timedelta(days=8))
        segment = counts.latest(session, HeadcountKind.SEGMENT)["Iran watchers"].people
    assert heads["iran"].people == 3
    assert line["iran"][-2:] == [2, 3]
    assert counts.change(line["iran"]) == 1
    assert segment == 3


def test_growth_is_a_line_of_what_is_known() -> None:
    assert growth_of([None, 5]).points == ""
    assert growth_of([1, None, 3]).points == "0,22 96,2"
    assert growth_of([4, 4]).points == "0,12 96,12"
    assert growth_of([3, 1]).change == -2


def test_the_topics_are_a_tree(client: TestClient, readers: Office) -> None:
    readers.topic("Iran Politics", parent="Iran")
    readers.topic("Donors", private=True)

    before = client.get("/topics").text
    counted = client.post("/topics/count")
    after = client.get("/topics").text

    assert "topics.toml" in before
    assert 'class="depth-1"><a href="/subscribers?topic=3">Iran Politics' in before
    assert "private" in before
    assert counted.headers["location"].startswith("/tasks/")
    assert '<td class="n">2</td>' in after


def test_no_topics_and_no_segments_say_what_to_do(
    client: TestClient, office: Office, tmp_path: Path
) -> None:
    (tmp_path / "subscribers").mkdir()
    (tmp_path / "subscribers" / "segments.toml").write_text("")

    assert "There are no topics yet" in client.get("/topics").text
    assert "There are no segments yet" in client.get("/segments").text


def test_a_viewer_makes_no_segment(client: TestClient, readers: Office) -> None:
    hire(readers, Role.VIEWER)
    client.post("/sign-in", data={"address": EDNA, "password": PASSWORD})

    assert client.get("/segments").status_code == 200
    assert client.get("/segments/new").status_code == 403
    assert client.post("/segments", data=IRAN_PRESS).status_code == 403
    assert names(readers) == ["Iran watchers"]
