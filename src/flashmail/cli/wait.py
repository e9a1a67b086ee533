"""Sending from the command line: a worker of its own, and a bar that shows it."""

import asyncio
import signal
from collections.abc import AsyncIterator

import uvloop

from flashmail.cli import say
from flashmail.database import reading
from flashmail.errors import NeedsDecision
from flashmail.model import OPEN, CampaignStatus
from flashmail.reports.campaign import Report, put_off, report
from flashmail.sending.campaigns import find
from flashmail.sending.engine.worker import Worker

#: Nothing more happens by itself once a campaign is one of these.
AT_REST = frozenset(
    {
        CampaignStatus.SENT,
        CampaignStatus.CANCELLED,
        CampaignStatus.PAUSED,
        CampaignStatus.MISSED,
    }
)

#: How often the bar moves, in seconds.
LOOK = 0.2


def wait_for(worker: Worker, campaign_id: int, *, quiet: bool = False) -> None:
    """Send until a campaign is at its end, and say how it went."""
    told = uvloop.run(_wait_for(worker, campaign_id))
    if not quiet:
        show(told)
    if told.status in {CampaignStatus.PAUSED, CampaignStatus.MISSED}:
        raise NeedsDecision(
            f"campaign {campaign_id} is {told.status}; 'flashmail campaign show"
            f" {campaign_id}' says why"
        )


def show(told: Report) -> None:
    """Print a campaign's states; they add up to everyone who was addressed."""
    say.out.print(f"Campaign {told.campaign_id}, {told.status}: {told.subject}")
    rows = [("addressed", told.addressed)]
    rows += [(f"  {state}", n) for state, n in told.states.items() if n]
    say.table(["deliveries", ""], rows)
    if told.missing:
        say.note(f"warning: {told.missing:,} of the deliveries addressed are not there")


async def _wait_for(worker: Worker, campaign_id: int) -> Report:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    sending = asyncio.create_task(worker.run(stop))
    try:
        with say.progress("Sending") as advance:
            async for told in _looks(worker, campaign_id):
                waiting = sum(told.states[state] for state in OPEN)
                advance(told.addressed - waiting, told.addressed)
                if told.status in AT_REST or stop.is_set() or sending.done():
                    break
    finally:
        stop.set()
        await sending
    return told


async def _looks(worker: Worker, campaign_id: int) -> AsyncIterator[Report]:
    """Yield how the campaign does, again and again; say once why something waits."""
    said = ""
    while True:
        told, waits = _look(worker, campaign_id)
        if waits and waits != said:
            say.note(f"some are put off, and tried again: {waits}")
            said = waits
        yield told
        await asyncio.sleep(LOOK)


def _look(worker: Worker, campaign_id: int) -> tuple[Report, str]:
    with reading(worker.engine) as session:
        told = report(session, find(session, campaign_id), tracking=worker.tracking)
        return told, put_off(session, campaign_id)
