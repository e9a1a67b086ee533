"""Exports of other programs: whatever a provider hands out, the same people come in."""

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from flashmail.errors import WrongInput
from flashmail.import_export import import_rosters, preview
from flashmail.model import SubscriberStatus, Subscription
from office import NOON
from test_roster import Registry, numbers, registry

assert registry

ACTIVE, PAUSED = SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED
PENDING, BOUNCED = SubscriberStatus.PENDING, SubscriberStatus.BOUNCED
UNSUBSCRIBED = SubscriberStatus.UNSUBSCRIBED

MAILCHIMP = (
    "Email Address,First Name,Last Name,Address,MEMBER_RATING,OPTIN_TIME,TIMEZONE"
)
SUBSCRIBED = f"{MAILCHIMP},LAST_CHANGED,LEID,EUID,NOTES,TAGS\n"
GONE = f"{MAILCHIMP},UNSUB_TIME,UNSUB_CAMPAIGN_ID,UNSUB_REASON,LEID,EUID,TAGS\n"
CLEANED = f"{MAILCHIMP},CLEAN_TIME,CLEAN_CAMPAIGN_ID,LEID,EUID,TAGS\n"
TIME = "2024-02-01 09:00:00"


def mailchimp(folder: Path, **more: str) -> Path:
    """Return the zip that Mailchimp sends: Anne reads, Boris left, Cleo bounced."""
    anne = 'anne@example.org,Anne,Lee,"1 Street",2,x,Europe/Paris,y,1,a,,'
    tags = '"""Iran"",""Friends of the house"""\n'
    boris = f"boris@example.org,Boris,,,2,x,,{TIME},7,NORMAL,2,b,\n"
    members = {
        "subscribed_email_audience_export_1a.csv": SUBSCRIBED + anne + tags,
        "unsubscribed_email_audience_export_1a.csv": GONE + boris,
        "cleaned_email_audience_export_1a.csv": (
            CLEANED + f"cleo@example.org,Cleo,,,2,x,,{TIME},7,3,c,\n"
        ),
    }
    return zipped(folder / "audience.zip", members | more)


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def bring(registry: Registry, *files: Path, **told: Any) -> Any:
    """Bring files in; a dry run before it must say the same."""
    promised = import_rosters(registry.engine, files, dry_run=True, now=NOON, **told)
    report = import_rosters(registry.engine, files, now=NOON, **told)
    assert report == promised
    return report


def test_mailchimps_three_files_come_in_as_they_are(
    registry: Registry, tmp_path: Path
) -> None:
    report = bring(registry, mailchimp(tmp_path))

    anne = registry.person("Anne")
    assert numbers(report) == {"rows": 3, "added": 3}
    assert set(report.formats.values()) == {"Mailchimp"}
    assert (anne.name, anne.time_zone, anne.status) == (
        "Anne Lee",
        "Europe/Paris",
        ACTIVE,
    )
    assert registry.follows("Anne") == ["Iran"]
    assert anne.attributes["tags"] == "Friends of the house"
    assert anne.attributes["postal_address"] == "1 Street"
    assert "'Friends of the house' is no topic" in report.notes[0]
    assert registry.suppressed("Boris") is UNSUBSCRIBED
    assert registry.suppressed("Cleo") is BOUNCED


def test_mailchimps_files_are_known_without_their_zip_and_names(
    registry: Registry, tmp_path: Path
) -> None:
    with zipfile.ZipFile(mailchimp(tmp_path)) as archive:
        for number, name in enumerate(archive.namelist()):
            (tmp_path / f"{number}.csv").write_bytes(archive.read(name))

    bring(registry, *(tmp_path / f"{number}.csv" for number in range(3)))

    assert registry.person("Anne").status is ACTIVE
    assert registry.suppressed("Boris") is UNSUBSCRIBED
    assert registry.suppressed("Cleo") is BOUNCED


def test_who_only_bought_something_has_asked_for_nothing(
    registry: Registry, tmp_path: Path
) -> None:
    registry.bring("address\nanne@example.org\n")
    row = "{}@example.org,,,,2,x,,y,1,a,,\n"
    name = "nonsubscribed_email_audience_export_1a.csv"
    text = SUBSCRIBED + row.format("anne") + row.format("dora")

    bring(registry, zipped(tmp_path / "a.zip", {name: text}))

    assert registry.person("Anne").status is ACTIVE
    assert registry.person("Dora").status is PENDING


def test_who_is_in_two_files_of_a_zip_is_gone(
    registry: Registry, tmp_path: Path
) -> None:
    gone = GONE + f"ANNE@example.org,,,,2,x,,{TIME},7,NORMAL,2,b,\n"

    bring(registry, mailchimp(tmp_path, **{"unsubscribed_x.csv": gone}))

    assert registry.suppressed("Anne") is UNSUBSCRIBED


@pytest.mark.parametrize(
    ("format", "text", "statuses"),
    [
        (
            "Substack",
            "email,active_subscription,expiry,plan,email_disabled,created_at\n"
            "anne@example.org,true,2027-01-01,yearly,false,2024-01-01\n"
            "boris@example.org,false,,other,true,2024-01-01\n",
            {"anne": ACTIVE, "boris": UNSUBSCRIBED},
        ),
        (
            "Substack",
            "Email,Name,Stripe plan,Cancel date,Start date\n"
            "anne@example.org,A,,,2024\n",
            {"anne": ACTIVE},
        ),
        (
            "Ghost",
            "id,email,name,note,subscribed_to_emails,complimentary_plan,"
            "stripe_customer_id,created_at,deleted_at,labels,tiers\n"
            "1,anne@example.org,Anne,,true,,,2024,,,\n"
            "2,boris@example.org,Boris,,false,,,2024,,,\n"
            "3,cleo@example.org,Cleo,,true,,,2024,2025,,\n",
            {"anne": ACTIVE, "boris": UNSUBSCRIBED, "cleo": UNSUBSCRIBED},
        ),
        (
            "listmonk",
            "uuid,email,name,attributes,status,created_at,updated_at\n"
            "1,anne@example.org,Anne,{},enabled,2024,2024\n"
            "2,boris@example.org,Boris,{},blocklisted,2024,2024\n"
            "3,dora@example.org,Dora,{},disabled,2024,2024\n",
            {"anne": ACTIVE, "boris": UNSUBSCRIBED, "dora": PAUSED},
        ),
        (
            "Keila",
            "Email,First name,Last name,Data,Status\n"
            "anne@example.org,Anne,Lee,,active\n"
            "boris@example.org,,,,unsubscribed\n"
            "cleo@example.org,,,,unreachable\n",
            {"anne": ACTIVE, "boris": UNSUBSCRIBED, "cleo": BOUNCED},
        ),
        (
            "Constant Contact",
            "Email address,First name,Last name,Email status,Email permission status,"
            "Confirmed Opt-Out Date,Email Lists,Tags\n"
            "anne@example.org,Anne,Lee,Active,Express,,,\n"
            "boris@example.org,Boris,,Unsubscribed,Implied,2024-01-01,,\n"
            "cleo@example.org,Cleo,,Bounced,Implied,,,\n"
            "dora@example.org,Dora,,Awaiting confirmation,Pending confirmation,,,\n",
            {"anne": ACTIVE, "boris": UNSUBSCRIBED, "cleo": BOUNCED, "dora": PENDING},
        ),
    ],
)
def test_each_providers_export_is_known_by_its_columns(
    registry: Registry,
    format: str,
    text: str,
    statuses: dict[str, SubscriberStatus],
) -> None:
    report = bring(registry, registry.write(text))

    assert report.rejected == 0
    assert list(report.formats.values()) == [format]
    for name, status in statuses.items():
        assert registry.person(name).status is status
        left = {UNSUBSCRIBED, BOUNCED}
        assert registry.suppressed(name) is (status if status in left else None)


def test_an_export_wakes_nobody_who_asked_for_a_rest(registry: Registry) -> None:
    registry.bring("address,status\nanne@example.org,paused\n")

    bring(
        registry,
        registry.write("uuid,email,attributes,status\n1,anne@example.org,{},enabled\n"),
    )

    assert registry.person("Anne").status is PAUSED


def test_a_word_for_a_status_that_nobody_knows_makes_nobody_active(
    registry: Registry,
) -> None:
    text = "uuid,email,attributes,status\n1,anne@example.org,{},sleepy\n"

    report = bring(registry, registry.write(text))

    assert "'sleepy' is none that listmonk" in report.problems[0].message
    assert registry.people() == []


def test_json_becomes_attributes_and_its_lists_become_topics(
    registry: Registry,
) -> None:
    data = '{"City": "Oslo", "age": 7, "tags": ["iran", "VIP"], "more": {"a": 1}}'
    with (registry.folder / "listmonk.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ["uuid", "email", "name", "attributes", "status"],
                ["1", "anne@example.org", "Anne", data, "enabled"],
                ["2", "boris@example.org", "Boris", "{", "enabled"],
            ]
        )

    report = bring(registry, registry.folder / "listmonk.csv")

    assert registry.follows("Anne") == ["Iran"]
    assert registry.person("Anne").attributes == {
        "City".lower(): "Oslo",
        "age": "7",
        "tags": "VIP",
        "more": '{"a": 1}',
        "uuid": "1",
    }
    assert registry.person("Boris").attributes["attributes"] == "{"
    assert any("holds no JSON object" in note for note in report.notes)


def test_labels_are_topics_where_we_have_such(registry: Registry) -> None:
    text = (
        "email,subscribed_to_emails,labels\n"
        'anne@example.org,true,"iran-politics-and-economy, PAKISTAN, VIP,'
        ' Iran:weekly"\n'
    )

    report = bring(registry, registry.write(text))

    assert "(1 row)" in report.notes[0]
    assert registry.follows("Anne") == ["Iran", "Iran Politics and Economy", "Pakistan"]
    assert registry.person("Anne").attributes == {"labels": "VIP"}
    assert often(registry, "Anne")["Iran"] == "weekly"


def test_a_zone_that_is_none_is_told_and_left_out(registry: Registry) -> None:
    row = "anne@example.org,Anne,,,2,x,Mars/Base,y,1,a,,\n"

    report = bring(registry, registry.write(SUBSCRIBED + row))

    assert registry.person("Anne").time_zone == ""
    assert "no time zone 'Mars/Base' (1 row)" in report.notes[0]


# How often


def often(registry: Registry, name: str) -> dict[str, str]:
    """Return how often somebody reads about each topic."""
    person = registry.person(name)
    assert person.id is not None
    return {
        topic: registry.office.get(
            Subscription, (person.id, registry.office.topic(topic))
        ).frequency
        for topic in registry.follows(name)
    }


def test_a_roster_may_say_how_often(registry: Registry) -> None:
    header = "address,topics\n"
    registry.bring(header + "anne@example.org,Iran:weekly;Pakistan\n")

    assert often(registry, "Anne") == {"Iran": "weekly", "Pakistan": "instant"}

    again = registry.bring(header + "anne@example.org,iran : Weekly;Pakistan\n")
    silent = registry.bring(header + "anne@example.org,Iran;Pakistan\n")
    change = registry.bring(header + "anne@example.org,Iran:urgent only\n")

    assert [numbers(each) for each in (again, silent, change)] == [
        {"rows": 1, "unchanged": 1},
        {"rows": 1, "unchanged": 1},
        {"rows": 1, "updated": 1},
    ]
    assert often(registry, "Anne") == {"Iran": "urgent only", "Pakistan": "instant"}


def test_how_often_survives_an_export(registry: Registry) -> None:
    registry.bring("address,topics\nanne@example.org,Iran:daily;Pakistan:urgent\n")

    assert '"Iran:daily;Pakistan:urgent only"' in registry.written()
    assert numbers(registry.bring(registry.written())) == {"rows": 1, "unchanged": 1}


def test_a_frequency_that_is_none_is_refused(registry: Registry) -> None:
    report = registry.bring("address,topics\nanne@example.org,Iran:hourly\n")

    assert "there is no topic 'Iran:hourly'" in report.problems[0].message


# Plain lists


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("anne@example.org\nboris@example.org\n", {"anne": "", "boris": ""}),
        ("Anne Lee;anne@example.org\n", {"anne": "Anne Lee"}),
        ("anne@example.org\tAnne Lee\n", {"anne": "Anne Lee"}),
        ("Anne Lee <anne@example.org>\n", {"anne": "Anne Lee"}),
        ("anne@example.org; boris@example.org\n", {"anne": "", "boris": ""}),
        (
            'Email,First Name,Last Name\nanne@example.org,Anne,"Lee"\n',
            {"anne": "Anne Lee"},
        ),
    ],
)
def test_a_plain_list_needs_no_header(
    registry: Registry, text: str, people: dict[str, str]
) -> None:
    bring(registry, registry.write(text))

    assert {name: registry.person(name).name for name in people} == people
    assert len(registry.people()) == len(people)


# What a person says


ODD = "Kontakt;Wer;Was\nanne@example.org;Anne;Iran, Golf\n"


def test_a_preview_shows_what_would_be_read(registry: Registry) -> None:
    (before,) = preview([registry.write(ODD)])
    mapped = {"Kontakt": "address", "Wer": "name", "Was": "topics"}
    (after,) = preview([registry.write(ODD)], mapped=mapped)

    assert before.problem == "say which column holds the addresses"
    assert before.rows == (("anne@example.org", "Anne", "Iran, Golf"),)
    assert [(c.title, c.field) for c in before.columns] == [
        ("Kontakt", "attribute"),
        ("Wer", "attribute"),
        ("Was", "attribute"),
    ]
    assert after.problem == ""
    assert [c.field for c in after.columns] == ["address", "name", "topics"]


def test_a_person_can_say_what_columns_hold(registry: Registry) -> None:
    mapped = {"Kontakt": "address", "Wer": "name", "Was": "topics"}

    bring(registry, registry.write(ODD), mapped=mapped)

    assert registry.person("Anne").name == "Anne"
    assert registry.follows("Anne") == ["Iran"]
    assert registry.person("Anne").attributes == {"was": "Golf"}


def test_a_column_can_be_left_out(registry: Registry) -> None:
    text = "address,secret\nanne@example.org,x\n"

    bring(registry, registry.write(text), mapped={"secret": "skip"})

    assert registry.person("Anne").attributes == {}


@pytest.mark.parametrize(
    ("mapped", "problem"),
    [
        ({"Wer": "nickname"}, "cannot hold 'nickname'"),
        ({"Wer": "address", "Kontakt": "address"}, "two columns for 'address'"),
        ({"Wer": "name"}, "no column 'address'"),
    ],
)
def test_a_person_is_told_what_cannot_be(
    registry: Registry, mapped: dict[str, str], problem: str
) -> None:
    with pytest.raises(WrongInput, match=problem):
        bring(registry, registry.write(ODD), mapped=mapped)


def test_rejected_rows_are_kept_with_the_reason(registry: Registry) -> None:
    out = io.StringIO()
    text = (
        "address,name\nanne@example.org,Anne\nANNE@example.org,=1+1\n"
        "nobody,Boris\nx@example.org,a,b\n"
    )

    import_rosters(registry.engine, [registry.write(text)], now=NOON, rejects=out)

    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert [(row["line"], row["address"], row["name"]) for row in rows] == [
        ("3", "ANNE@example.org", "'=1+1"),
        ("4", "nobody", "Boris"),
        ("5", "x@example.org", "a"),
    ]
    assert rows[0]["why"] == "the address is that of line 2, which counts"
    assert rows[2]["column 3"] == "b"


# Zips


def test_what_is_no_list_of_readers_is_left_aside(
    registry: Registry, tmp_path: Path
) -> None:
    members = {
        "email_list.brief.csv": "email,active_subscription,expiry,email_disabled\n"
        "anne@example.org,false,,false\n",
        "posts/1.opens.csv": "post_id,timestamp,email\n1,2024,boris@example.org\n",
        "posts.csv": "post_id,title\n1,Storm\n",
        "posts/1.html": "<p>x</p>",
    }

    report = bring(registry, zipped(tmp_path / "export.zip", members))

    assert registry.people() == ["anne@example.org"]
    assert len([note for note in report.notes if "left aside" in note]) == 2


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"bomb.csv": "a" * 30_000_000}, "becomes so large when unpacked"),
        ({"[Content_Types].xml": "", "a.csv": ""}, "Excel workbook: save it as CSV"),
        ({"readme.md": "nothing"}, "no list of people in this zip"),
        ({"posts.csv": "id,title\n1,x\n"}, "no list of people in this zip"),
        ({"a.csv": "address\nanne\0@example.org\n"}, "a.csv: this is no text"),
    ],
)
def test_a_zip_that_is_no_list_of_people_is_refused(
    registry: Registry, tmp_path: Path, members: dict[str, str], problem: str
) -> None:
    path = zipped(tmp_path / "odd.zip", members)

    with pytest.raises(WrongInput, match=r"odd\.zip") as refused:
        bring(registry, path)

    assert problem in str(refused.value)


def test_a_broken_zip_is_refused(registry: Registry, tmp_path: Path) -> None:
    path = mailchimp(tmp_path)
    raw = bytearray(path.read_bytes())
    raw[60:80] = b"x" * 20
    path.write_bytes(raw)

    with pytest.raises(WrongInput, match="cannot be read"):
        bring(registry, path)


def test_paths_in_a_zip_lead_nowhere(registry: Registry, tmp_path: Path) -> None:
    members = {"../../evil.csv": "address\nanne@example.org\n"}
    before = sorted(tmp_path.parent.rglob("*.csv"))

    bring(registry, zipped(tmp_path / "a.zip", members))

    assert registry.people() == ["anne@example.org"]
    assert sorted(tmp_path.parent.rglob("*.csv")) == before
