"""Importing in the page: upload, mapping, trial, run, report, rejected rows."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from flashmail.database import reading
from flashmail.errors import UploadNotFound, WrongInput
from flashmail.import_export import files
from flashmail.model import AuditEntry, Role, Subscriber
from flashmail.web.newsroom.imports import mapped
from office import NOON, Office
from test_staff import EDNA, PASSWORD, hire

ROSTER = """E-Mail dienstlich,Who,topics
anne@example.org,Anne,Iran
nonsense,Nobody,Iran
boris@example.org,=1+1,Iran
"""


@pytest.fixture
def desk(office: Office) -> Office:
    office.topic("Iran")
    return office


def sent(client: TestClient, text: str = ROSTER, name: str = "people.csv") -> str:
    """Upload a file; return the path of its page."""
    answer = client.post("/imports", files={"file": (name, text.encode(), "text/csv")})
    return str(answer.headers["location"])


def addresses(desk: Office) -> list[str]:
    with reading(desk.engine) as session:
        return sorted(session.exec(select(Subscriber.address)))


#: What the form says after somebody chose what two columns hold.
SAID = {
    "column:E-Mail dienstlich": "address",
    "was:E-Mail dienstlich": "attribute",
    "column:Who": "name",
    "was:Who": "attribute",
    "column:topics": "topics",
    "was:topics": "topics",
}


def test_only_what_was_changed_is_said() -> None:
    assert mapped(SAID) == {"E-Mail dienstlich": "address", "Who": "name"}


def test_a_file_is_tried_and_then_imported(
    client: TestClient, desk: Office, tmp_path: Path
) -> None:
    here = sent(client)
    look = client.get(here).text
    again = client.post(f"{here}/look", data=SAID).text
    tried = client.post(f"{here}/try", data=SAID).headers["location"]
    would = client.get(tried.replace("/tasks", "/imports/report")).text
    before = addresses(desk)
    run = client.post(f"{here}/run", data=SAID).headers["location"]
    did = client.get(run.replace("/tasks", "/imports/report")).text

    assert "say which column holds the addresses" in look
    assert not [page for page in (look, would, did) if str(tmp_path) in page]
    assert "say which column holds the addresses" not in again
    assert "would be added" in would
    assert "Import 2 people" in would
    assert before == []
    assert addresses(desk) == ["anne@example.org", "boris@example.org"]
    assert "What was done" in did
    assert f"{here}/rejected.csv" in did


def test_rejected_rows_are_a_file(client: TestClient, desk: Office) -> None:
    here = sent(client)
    assert client.get(f"{here}/rejected.csv").status_code == 404

    client.post(f"{here}/run", data=SAID)
    rows = client.get(f"{here}/rejected.csv").text.splitlines()

    assert rows[0].startswith('"why","file","line"')
    assert '"nonsense"' in rows[1]
    assert len(rows) == 2


def test_an_import_is_noted_and_a_trial_is_not(
    client: TestClient, desk: Office
) -> None:
    here = sent(client)
    client.post(f"{here}/try", data=SAID)
    client.post(f"{here}/run", data=SAID)

    with reading(desk.engine) as session:
        (entry,) = session.exec(select(AuditEntry))
    assert (entry.action, entry.detail["file"]) == ("import", "people.csv")
    assert (entry.detail["added"], entry.detail["rejected"]) == (2, 1)


def test_what_cannot_be_read_is_said(client: TestClient, desk: Office) -> None:
    here = sent(client, "PK\x03\x04 no zip at all", "people.xlsx")

    answer = client.get(here)

    assert answer.status_code == 409
    assert "That cannot be done" in answer.text


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..", "a/b.csv", "<script>.csv", "x" * 300, "\0"]
)
def test_no_name_leaves_the_folder(tmp_path: Path, name: str) -> None:
    key = files.keep(tmp_path, name, BytesIO(b"address\n"), now=NOON)

    file = files.file_of(tmp_path, key)
    assert file.parent == tmp_path / key / "file"
    assert len(file.name) <= files.NAME_LIMIT
    assert file.read_bytes() == b"address\n"


@pytest.mark.parametrize("key", ["..", "", "a" * 22, "../../../../etc/passwd"])
def test_nobody_reads_what_is_no_upload(
    client: TestClient, desk: Office, tmp_path: Path, key: str
) -> None:
    with pytest.raises(UploadNotFound):
        files.file_of(tmp_path, key)
    assert client.get(f"/imports/{key or 'x'}/rejected.csv").status_code == 404


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match="empty"):
        files.keep(tmp_path, "x.csv", BytesIO(b""), now=NOON)
    assert list(tmp_path.iterdir()) == []


def test_uploads_do_not_stay_for_ever(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    old = files.keep(tmp_path, "x.csv", BytesIO(b"x"), now=now)

    files.keep(tmp_path, "y.csv", BytesIO(b"y"), now=now + timedelta(days=6))
    files.file_of(tmp_path, old)
    files.keep(tmp_path, "z.csv", BytesIO(b"z"), now=now + timedelta(days=8))

    with pytest.raises(UploadNotFound):
        files.file_of(tmp_path, old)


def test_a_report_of_other_work_is_no_import(client: TestClient, desk: Office) -> None:
    client.post("/topics/count")

    assert client.get("/imports/report/1").status_code == 404
    assert client.get("/imports/report/9").status_code == 404


def test_a_viewer_imports_nothing(client: TestClient, desk: Office) -> None:
    here = sent(client)
    hire(desk, Role.VIEWER)
    client.post("/sign-in", data={"address": EDNA, "password": PASSWORD})

    assert client.get("/imports/new").status_code == 403
    assert client.get(here).status_code == 403
    assert client.post(f"{here}/run", data=SAID).status_code == 403
    assert addresses(desk) == []
