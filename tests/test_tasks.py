"""Long work: it is shown while it runs, and says how it ended."""

from datetime import UTC, datetime, timedelta

from fastapi.testclient import TestClient

from flashmail.database import transaction
from flashmail.errors import WrongInput
from flashmail.model import Task, TaskStatus
from flashmail.tasks import AtOnce, TaskProgress, Tasks, is_cut_short
from office import Office


def tasks(office: Office) -> Tasks:
    return Tasks(office.engine, AtOnce())


def test_its_page_leads_on_when_it_is_done(client: TestClient, office: Office) -> None:
    def count(progress: TaskProgress) -> dict[str, int]:
        progress(3, 3)
        return {"people": 3}

    path = tasks(office).begin("Counting", count, by="Edna", then="/counted/{id}")

    task = office.get(Task, 1)
    assert (path, task.status, task.done, task.total) == ("/tasks/1", "done", 3, 3)
    assert task.outcome == {"people": 3}
    assert client.get(f"{path}/state").headers["HX-Redirect"] == "/counted/1"
    assert 'href="/counted/1"' in client.get(path).text


def test_it_says_what_to_mend(client: TestClient, office: Office) -> None:
    def fail(progress: TaskProgress) -> dict[str, int]:
        raise WrongInput("line 7 has no address")

    path = tasks(office).begin("Counting", fail, by="Edna")

    assert "line 7 has no address" in client.get(path).text


def test_what_went_wrong_inside_is_not_shown(
    client: TestClient, office: Office
) -> None:
    def fail(progress: TaskProgress) -> dict[str, int]:
        raise RuntimeError("secret")

    path = tasks(office).begin("Counting", fail, by="Edna")

    assert "our fault" in client.get(path).text
    assert "secret" not in client.get(path).text


def test_work_under_way_is_looked_at_again(client: TestClient, office: Office) -> None:
    office.now = datetime.now(UTC)
    running(office)

    assert 'hx-trigger="every 1s"' in client.get("/tasks/1").text


def test_work_whose_process_is_gone_is_called_cut_short(office: Office) -> None:
    running(office)
    task = office.get(Task, 1)

    assert not is_cut_short(task, now=office.now + timedelta(seconds=5))
    assert is_cut_short(task, now=office.now + timedelta(minutes=5))


def test_no_task_is_a_page_that_says_so(client: TestClient) -> None:
    assert client.get("/tasks/7").status_code == 404


def running(office: Office) -> None:
    with transaction(office.engine) as session:
        session.add(
            Task(
                title="Counting",
                started_by="Edna",
                status=TaskStatus.RUNNING,
                begun_at=office.now,
                seen_at=office.now,
            )
        )
