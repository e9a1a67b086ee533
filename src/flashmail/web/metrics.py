"""What a Prometheus on this machine may ask: how the sending goes, in numbers."""

from collections.abc import Iterator
from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from sqlmodel import Session

from flashmail.reports import newsroom
from flashmail.reports.missed import missed
from flashmail.settings import Tracking
from flashmail.web.dependencies import Now, Reading, WhoIsWatched
from flashmail.web.policy import MACHINE, allow

router = APIRouter()


@router.get("/metrics", **allow(MACHINE))
def metrics(session: Reading, now: Now, tracking: WhoIsWatched) -> Response:
    """Return the figures in Prometheus's text form."""
    registry = CollectorRegistry()
    registry.register(Figures(session, now, tracking))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class Figures(Collector):
    """The campaigns under way and those that ended last, counted as for the pages."""

    def __init__(self, session: Session, now: datetime, tracking: Tracking) -> None:
        self._session, self._now, self._tracking = session, now, tracking

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        seen = newsroom.Newsroom(self._session, self._now, self._tracking)
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


def _deliveries(campaigns: list[newsroom.Progress]) -> Iterator[Metric]:
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
