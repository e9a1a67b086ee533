"""What a Prometheus on this machine may ask: how the sending goes, in numbers."""

from collections.abc import Iterator
from datetime import datetime

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from sqlmodel import Session

from flashmail.model import Role, Task, TaskStatus
from flashmail.reports import dashboard
from flashmail.reports.dashboard import missed
from flashmail.settings import Tracking
from flashmail.tasks import is_cut_short
from flashmail.web.dependencies import Now, Reading, TheOutbox, WhoIsWatched
from flashmail.web.page import mail, page, part
from flashmail.web.policy import MACHINE, allow

router = APIRouter()


@router.get("/metrics", **allow(MACHINE))
def metrics(session: Reading, now: Now, tracking: WhoIsWatched) -> Response:
    """Return the figures in Prometheus's text form."""
    registry = CollectorRegistry()
    registry.register(CampaignCollector(session, now, tracking))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class CampaignCollector(Collector):
    """The campaigns under way and those that ended last, counted as for the pages."""

    def __init__(self, session: Session, now: datetime, tracking: Tracking) -> None:
        self._session, self._now, self._tracking = session, now, tracking

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        seen = dashboard.Newsroom(self._session, self._now, self._tracking)
        under_way = seen.under_way()
        yield from _deliveries(under_way + seen.ended())
        yield _gauge(
            "campaigns_under_way", "Campaigns being sent, or paused.", len(under_way)
        )
        coming = seen.coming()
        yield _gauge("campaigns_scheduled", "Campaigns in the queue.", len(coming))
        late = [self._now - each.send_at for each in coming if each.send_at]
        yield _gauge(
            "campaign_late_seconds",
            "For how long the campaign that is due first has waited for a worker.",
            max([0.0, *(each.total_seconds() for each in late)]),
        )
        waiting = seen.needs()
        late_digests = missed(self._session, now=self._now)
        yield _gauge(
            "needs_a_person",
            "Things for a person to look at.",
            len(waiting) + len(late_digests),
        )


def _deliveries(campaigns: list[dashboard.CampaignSummary]) -> Iterator[Metric]:
    states = GaugeMetricFamily(
        "flashmail_deliveries",
        "Deliveries of a campaign by state; they add up to those addressed.",
        labels=["campaign", "state"],
    )
    addressed = GaugeMetricFamily(
        "flashmail_addressed",
        "How many deliveries a campaign began with.",
        labels=["campaign"],
    )
    for each in campaigns:
        number = str(each.campaign.id)
        addressed.add_metric([number], each.figures["addressed"])
        for state, count in each.figures["states"].items():
            states.add_metric([number, state], count)
    yield from (addressed, states)


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"flashmail_{name}", what, value=value)


MAILS_SHOWN = 100


@router.get("/outbox", **allow(Role.VIEWER))
def outbox(outbox: TheOutbox) -> Response:
    """List the mails that the outbox keeps, the latest first."""
    return page("outbox", mails=list(outbox.mails(limit=MAILS_SHOWN)))


@router.get("/outbox/{key}", **allow(Role.VIEWER))
def outbox_mail(key: str, outbox: TheOutbox) -> Response:
    """Show one mail as a mail program would."""
    kept = outbox.mail(key)
    if kept is None:
        raise HTTPException(404, "There is no such mail.")
    return page("mail", mail=kept, key=key)


@router.get("/outbox/{key}/html", **allow(Role.VIEWER))
def outbox_html(key: str, outbox: TheOutbox) -> Response:
    """Return a mail's html part, for the frame of its page."""
    kept = outbox.mail(key)
    if kept is None:
        raise HTTPException(404, "There is no such mail.")
    return mail(kept.html)


@router.get("/outbox/{key}/raw", **allow(Role.VIEWER))
def outbox_raw(key: str, outbox: TheOutbox) -> Response:
    """Return a mail's bytes as they would travel."""
    kept = outbox.mail(key)
    if kept is None:
        raise HTTPException(404, "There is no such mail.")
    return Response(
        kept.raw,
        media_type="text/plain; charset=utf-8",
        headers={"X-Content-Type-Options": "nosniff"},
    )


@router.get("/tasks/{task_id}", **allow(Role.VIEWER))
def show(task_id: int, session: Reading, now: Now) -> Response:
    """Show how far a task has come, live."""
    task = session.get(Task, task_id)
    if task is None:
        raise HTTPException(404, "There is no such task.")
    return page("task", task=task, cut_short=is_cut_short(task, now=now))


@router.get("/tasks/{task_id}/state", **allow(Role.VIEWER))
def state(task_id: int, session: Reading, now: Now) -> Response:
    """Return the part that changes; it leads on by itself when the task is done."""
    task = session.get(Task, task_id)
    if task is None:
        raise HTTPException(404, "There is no such task.")
    answer = part("task-state", task=task, cut_short=is_cut_short(task, now=now))
    if task.status is TaskStatus.DONE and task.then:
        answer.headers["HX-Redirect"] = task.then
    return answer
