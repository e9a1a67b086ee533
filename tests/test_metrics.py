"""Figures for a Prometheus beside us, and for nobody else."""

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from flashmail.model import Role
from office import Office
from test_staff import hire


def figures(client: TestClient) -> dict[tuple[str, ...], float]:
    text = client.get("/metrics").text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_states_add_up_to_those_addressed(
    client: TestClient, office: Office
) -> None:
    for name in ("Anne", "Boris"):
        office.subscribe(name, "Iran")
    office.schedule()
    office.send_one()

    found = figures(client)

    states = [n for key, n in found.items() if key[0] == "flashmail_deliveries"]
    assert sum(states) == found["flashmail_addressed", "1"] == 2
    assert found["flashmail_campaigns_under_way",] == 1


def test_a_campaign_that_nobody_sends_grows_late(
    client: TestClient, office: Office
) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule()

    assert figures(client)["flashmail_campaign_late_seconds",] > 0


def test_others_get_no_figures(client: TestClient, office: Office) -> None:
    for headers in ({"X-Forwarded-For": "192.0.2.1"}, {"Host": "mail.example.org"}):
        assert client.get("/metrics", headers=headers).status_code == 404


def test_it_needs_no_sign_in(client: TestClient, office: Office) -> None:
    hire(office, Role.ADMIN)

    assert client.get("/metrics").status_code == 200
