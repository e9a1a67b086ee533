"""Rosters: what becomes of each row, and who is left alone."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from flashmail.audience.topics import parse_topics, sync_topics
from flashmail.database import reading, transaction
from flashmail.errors import WrongInput
from flashmail.import_export import ImportReport, export, import_rosters
from flashmail.model import (
    Subscriber,
    SubscriberStatus,
    Subscription,
    Suppression,
    Topic,
)
from flashmail.subscribers.edit import add, remove
from office import NOON, Office

FOLDER = Path(__file__).parents[1] / "subscribers"

ACTIVE, PAUSED = SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED
UNSUBSCRIBED = SubscriberStatus.UNSUBSCRIBED


class Registry:
    """An office with the project's topics, a folder for files, and eyes on both."""

    def __init__(self, office: Office, folder: Path) -> None:
        self.office, self.engine, self.folder = office, office.engine, folder
        with transaction(self.engine) as session:
            sync_topics(session, parse_topics((FOLDER / "topics.toml").read_text()))

    def write(self, text: str, name: str = "roster.csv") -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def bring(self, *texts: str, dry_run: bool = False) -> ImportReport:
        """Import files of these contents; a dry run before it must say the same."""
        files = [self.write(text, f"{n}.csv") for n, text in enumerate(texts, start=1)]
        promised = import_rosters(self.engine, files, dry_run=True, now=NOON)
        if dry_run:
            return promised
        report = import_rosters(self.engine, files, now=NOON)
        assert report == promised
        return report

    def person(self, name: str) -> Subscriber:
        with reading(self.engine) as session:
            key = f"{name.lower()}@example.org"
            return session.exec(select(Subscriber).where(Subscriber.key == key)).one()

    def people(self) -> list[str]:
        with reading(self.engine) as session:
            return sorted(session.exec(select(Subscriber.address)))

    def follows(self, name: str) -> list[str]:
        with reading(self.engine) as session:
            return sorted(
                session.exec(
                    select(Topic.name)
                    .join(Subscription)
                    .where(Subscription.subscriber_id == self.person(name).id)
                )
            )

    def suppressed(self, name: str) -> SubscriberStatus | None:
        with reading(self.engine) as session:
            found = session.get(Suppression, f"{name.lower()}@example.org")
            return found.reason if found else None

    def written(self) -> str:
        with reading(self.engine) as session:
            export(session, out := StringIO())
            return out.getvalue()


@pytest.fixture
def registry(office: Office, tmp_path: Path) -> Registry:
    return Registry(office, tmp_path)


def messages(report: ImportReport) -> list[str]:
    return [problem.message for problem in report.problems]


def numbers(report: ImportReport) -> dict[str, Any]:
    """Return what is not zero."""
    counted = report.as_json()
    assert counted["rows"] == sum(
        counted[each]
        for each in ("added", "updated", "unchanged", "rejected", "kept_out")
    )
    assert report.rows - report.rejected == sum(report.by_status.values())
    return {k: v for k, v in counted.items() if isinstance(v, int) and v}


def test_people_are_brought_in(registry: Registry) -> None:
    report = registry.bring(
        "address,name,topics,time_zone,language,Job Title\n"
        "anne@example.org,Anne,Iran; Pakistan,Europe/Berlin,de,Editor\n"
    )

    anne = registry.person("Anne")
    assert numbers(report) == {"rows": 1, "added": 1}
    assert report.by_status["active"] == 1
    assert (anne.name, anne.time_zone, anne.language) == ("Anne", "Europe/Berlin", "de")
    assert anne.attributes == {"job_title": "Editor"}
    assert (anne.status, anne.created_at) == (ACTIVE, NOON)
    assert registry.follows("Anne") == ["Iran", "Pakistan"]


def test_only_the_address_is_needed(registry: Registry) -> None:
    assert numbers(registry.bring("address\nanne@example.org\n")) == {
        "rows": 1,
        "added": 1,
    }


def test_the_same_roster_twice_changes_nothing(registry: Registry) -> None:
    roster = (FOLDER / "example.csv").read_text()
    first = registry.bring(roster)
    again = registry.bring(roster)

    assert numbers(first) == {"rows": 24, "added": 24}
    assert numbers(again) == {"rows": 24, "unchanged": 24}
    assert again.by_status == first.by_status


def test_a_dry_run_writes_nothing(registry: Registry) -> None:
    registry.bring("address\nanne@example.org\n", dry_run=True)

    assert registry.people() == []


def test_what_a_row_says_replaces_and_empty_cells_erase_nothing(
    registry: Registry,
) -> None:
    header = "address,name,topics,status,time_zone,language,country,desk\n"
    registry.bring(header + "anne@example.org,Anne,Iran,,Asia/Tehran,fa,IR,A\n")
    report = registry.bring(header + "ANNE@Example.org,,Pakistan,paused,,en,,Bé\n")

    anne = registry.person("Anne")
    assert numbers(report) == {"rows": 1, "updated": 1}
    assert anne.address == "anne@example.org"
    assert (anne.name, anne.time_zone, anne.language) == ("Anne", "Asia/Tehran", "en")
    assert anne.status is PAUSED
    assert anne.attributes == {"country": "IR", "desk": "Bé"}
    assert registry.follows("Anne") == ["Iran", "Pakistan"]


def test_a_known_reader_who_gets_nothing_new_is_unchanged(registry: Registry) -> None:
    header = "address,topics,desk\n"
    registry.bring(header + "anne@example.org,Iran;Pakistan,Bé\n")

    report = registry.bring(header + "anne@example.org,Pakistan,Bé\n")

    assert numbers(report) == {"rows": 1, "unchanged": 1}


@pytest.mark.parametrize("left", ["unsubscribed", "bounced", "complained"])
def test_nobody_comes_back_by_an_import(registry: Registry, left: str) -> None:
    registry.bring(f"address,status\nanne@example.org,{left}\n")

    report = registry.bring(
        "address,name,status,topics\nanne@example.org,A,active,Iran\n"
    )

    assert numbers(report) == {"rows": 1, "kept_out": 1}
    assert report.by_status[left] == 1
    assert registry.person("Anne").status == left
    assert registry.person("Anne").name == ""
    assert registry.follows("Anne") == []
    assert registry.suppressed("Anne") == left


def test_a_suppressed_address_is_not_even_added(registry: Registry) -> None:
    registry.office.suppress("Anne")

    report = registry.bring("address\nanne@example.org\n")

    assert numbers(report) == {"rows": 1, "kept_out": 1}
    assert report.by_status["unsubscribed"] == 1
    assert registry.people() == []


def test_a_roster_may_say_that_somebody_left(registry: Registry) -> None:
    registry.bring("address,topics\nanne@example.org,Iran\n")

    report = registry.bring("address,status\nanne@example.org,cleaned\n")

    assert numbers(report) == {"rows": 1, "updated": 1}
    assert registry.person("Anne").status == "bounced"
    assert registry.suppressed("Anne") is SubscriberStatus.BOUNCED


def test_the_first_reason_for_leaving_stays(registry: Registry) -> None:
    registry.bring("address,status\nanne@example.org,complained\n")

    report = registry.bring("address,status\nanne@example.org,unsubscribed\n")

    assert numbers(report) == {"rows": 1, "unchanged": 1}
    assert registry.suppressed("Anne") is SubscriberStatus.COMPLAINED


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("anne@@example.org,,,,,", "invalid characters"),
        (",Anne,,,,", "must have an @-sign"),
        ("anne@example.org,,Iran;Atlantis,,,", "there is no topic 'Atlantis'"),
        ("anne@example.org,,,sleepy,,", "status 'sleepy' is none of active, pending"),
        ("anne@example.org,,,,Mars/Base,", "no time zone 'Mars/Base'"),
        ("anne@example.org,,,,,English", "'English' is no language"),
        ("anne@example.org,,", "the row has 3 cells, the header has 6"),
        ("anne@example.org,,,,,,,x", "the row has 8 cells, the header has 6"),
        ('anne@example.org,"A\nnne",,,,', "the name has a line break"),
        ("anne@example.org,A\x07nne,,,,", "the name has a line break or control"),
        (f"anne@example.org,{'A' * 5000},,,,", "a cell has more than 4,000"),
        ('"anne@example.org"x,,,,,', "quotation marks do not match"),
    ],
)
def test_a_bad_row_stops_no_good_one(
    registry: Registry, row: str, problem: str
) -> None:
    report = registry.bring(
        "address,name,topics,status,time_zone,language\n"
        f"bart@example.org,,,,,\n{row}\n\ncleo@example.org,,,,,,,\n"
    )

    assert numbers(report) == {"rows": 3, "added": 2, "rejected": 1}
    assert registry.people() == ["bart@example.org", "cleo@example.org"]
    assert report.problems[0].row == 3
    assert report.problems[0].file.endswith("1.csv")
    assert problem in report.problems[0].message


def test_who_left_counts_as_gone_whatever_else_is_wrong(registry: Registry) -> None:
    header = "address,topics,status\n"
    registry.bring(header + "anne@example.org,Iran,\n")

    report = registry.bring(header + "anne@example.org,Atlantis,unsubscribed\n")

    assert numbers(report) == {"rows": 1, "updated": 1}
    assert registry.suppressed("Anne") is UNSUBSCRIBED


def test_an_address_counts_once(registry: Registry) -> None:
    report = registry.bring(
        "address,name\nanne@example.org,Anne\nbart@example.org,\nANNE@example.org,Ann\n"
    )

    assert numbers(report) == {"rows": 3, "added": 2, "rejected": 1}
    assert (report.problems[0].row, messages(report)) == (
        4,
        ["the address is that of line 2, which counts"],
    )
    assert registry.person("Anne").name == "Anne"


def test_of_two_rows_the_one_that_says_left_counts(registry: Registry) -> None:
    report = registry.bring(
        "address,name\nanne@example.org,Anne\n",
        "address,status\nanne@example.org,unsubscribed\n",
    )

    assert numbers(report) == {"rows": 2, "added": 1, "rejected": 1}
    assert "line 2 of" in messages(report)[0]
    assert registry.person("Anne").status is UNSUBSCRIBED


def test_a_thousand_problems_are_listed_and_all_are_counted(registry: Registry) -> None:
    report = registry.bring("address\n" + "nobody\n" * 1200)

    assert report.rejected == 1200
    assert len(report.problems) == 1001
    assert report.problems[-1].message == "200 more problems are not listed"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "this file is empty"),
        ("\n\n", "this file is empty"),
        ("name,topics\nAnne,Iran\n", "line 1: there is no column 'address'"),
        ("address,email,e-mail\na,b,c\n", "two columns for 'address'"),
        ("address,,name\n", "column 2 has no name"),
        ("address,name,Name\n", "two columns for 'name'"),
        ("address," + ",".join(f"c{n}" for n in range(300)), "at most 200 columns"),
        ("address\nanne@example.org\0\n", "no text that can be read"),
        ('address,name\nanne@example.org,"Anne\nbart@example.org,Bart\n', "on line 2"),
        ("address\n" + "x" * (1 << 21), "line 2 is too long to be a row"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(
    registry: Registry, text: str, problem: str
) -> None:
    good = registry.write("address\nzoe@example.org\n")
    bad = registry.write(text, "b.csv")

    with pytest.raises(WrongInput, match=problem) as refused:
        import_rosters(registry.engine, [good, bad], now=NOON)

    assert "b.csv" in str(refused.value)
    assert registry.people() == []


def test_a_missing_file_is_refused(registry: Registry) -> None:
    with pytest.raises(WrongInput, match="cannot be read: No such file"):
        import_rosters(registry.engine, [registry.folder / "none.csv"], now=NOON)


def test_progress_goes_from_nothing_to_all(registry: Registry) -> None:
    told: list[tuple[int, int]] = []
    file = registry.write("address\nanne@example.org\n")

    import_rosters(
        registry.engine, [file], now=NOON, progress=lambda *each: told.append(each)
    )

    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] > 0


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    ";=1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "'=1",
    "'x",
]


def test_an_export_brought_in_again_changes_nothing(registry: Registry) -> None:
    registry.bring((FOLDER / "example.csv").read_text())
    with transaction(registry.engine) as session:
        for number, cell in enumerate([*FORMULAS, "\t=1", "\r=1", "two\nlines"]):
            address = f"+{number}@example.org"
            tricky = Subscriber(
                address=address, key=address, created_at=NOON, attributes={"=x": cell}
            )
            session.add(tricky)
    before = registry.written()

    report = registry.bring(before)

    assert numbers(report) == {"rows": 38, "unchanged": 38}
    assert registry.written() == before


def test_an_export_fills_an_empty_office(registry: Registry, tmp_path: Path) -> None:
    registry.bring((FOLDER / "example.csv").read_text())
    before = registry.written()
    with transaction(registry.engine) as session:
        for table in (Subscription, Suppression, Subscriber):
            for row in session.exec(select(table)).all():
                session.delete(row)
            session.flush()

    registry.bring(before)

    assert registry.written() == before


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_of_an_export_is_a_formula(registry: Registry, formula: str) -> None:
    registry.office.subscribe("Anne")
    with transaction(registry.engine) as session:
        anne = session.exec(select(Subscriber)).one()
        anne.name = formula

    assert f'"\'{formula}"' in registry.written()


def test_one_person_is_added_and_followed_up(registry: Registry) -> None:
    with transaction(registry.engine) as session:
        first = add(session, "Anne@example.org", topics=["Iran"], now=NOON)
        again = add(
            session,
            "anne@example.org",
            name="Anne",
            topics=["Pakistan"],
            attributes={"desk": "=1"},
            now=NOON,
        )

    assert first == again == registry.person("Anne").id
    assert registry.person("Anne").name == "Anne"
    assert registry.person("Anne").attributes == {"desk": "=1"}
    assert registry.follows("Anne") == ["Iran", "Pakistan"]


def test_who_is_removed_cannot_be_added_again(registry: Registry) -> None:
    registry.bring("address,topics\nanne@example.org,Iran\n")
    with transaction(registry.engine) as session:
        assert remove(session, "ANNE@example.org", now=NOON)

    assert registry.person("Anne").status is UNSUBSCRIBED
    assert registry.suppressed("Anne") is UNSUBSCRIBED
    with (
        pytest.raises(WrongInput, match="is unsubscribed and gets no more mail"),
        transaction(registry.engine) as session,
    ):
        add(session, "anne@example.org", now=NOON)


def test_a_stranger_can_be_kept_out_for_good(registry: Registry) -> None:
    with transaction(registry.engine) as session:
        assert not remove(session, "anne@example.org", now=NOON)

    assert numbers(registry.bring("address\nanne@example.org\n"))["kept_out"] == 1
