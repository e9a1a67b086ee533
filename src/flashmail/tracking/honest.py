"""Who opened and clicked: a reader, a machine, or we cannot know. Pure.

The rules stand in order; the first that has something to say does. What it says is
kept with the event, for people.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from flashmail.model import Actor, EventKind
from flashmail.tracking import agents, networks
from flashmail.tracking.told import Deed

#: Nobody has read a mail so few seconds after it was delivered, or it is in doubt.
TOO_SOON, SOON = 3.0, 15.0

#: Links that are followed within so little time were not chosen by a reader.
AT_ONCE, MANY_AT_ONCE, MANY = timedelta(seconds=1), timedelta(seconds=3), 3

#: Whoever falls into the trap has done what they did around that time, too.
AROUND_TRAP = timedelta(minutes=2)

Label = tuple[Actor, str]


class Context(NamedTuple):
    """What else one reader did with the same mail."""

    trapped: Sequence[datetime]
    clicks: Sequence[tuple[datetime, int]]


def labels(events: Iterable[Deed]) -> dict[str, Label]:
    """Return what each open and click of one reader with one mail is, by its key."""
    events = list(events)
    if len(events) == 1 and events[0].kind is EventKind.OPENED:
        return {events[0].key: label(events[0])}
    clicks = [(e.at, e.link) for e in events if e.link is not None]
    trapped = [e.at for e in events if e.kind is EventKind.TRAPPED]
    context = Context(trapped, clicks)
    return {event.key: label(event, context) for event in events}


ALONE = Context((), ())


def label(event: Deed, context: Context = ALONE) -> Label:
    """Return who did it, as far as can be told, and why we think so."""
    for rule in RULES:
        if found := rule(event, context):
            return found
    return Actor.UNKNOWN, "it says too little about itself"


def _flagged(event: Deed, _: Context) -> Label | None:
    if not event.flagged:
        return None
    return Actor.MACHINE, "the provider says so"


def _trapped(event: Deed, context: Context) -> Label | None:
    if any(abs(event.at - at) <= AROUND_TRAP for at in context.trapped):
        return Actor.MACHINE, "a link was followed that nobody can see"
    return None


def _says_machine(event: Deed, _: Context) -> Label | None:
    if not agents.is_machine(event.agent):
        return None
    return Actor.MACHINE, f"it calls itself {event.agent.removeprefix(agents.MACHINE)}"


def _from_apple(event: Deed, _: Context) -> Label | None:
    apple = networks.whose(event.network) == networks.APPLE_NETWORK
    opened = event.kind is EventKind.OPENED
    if opened and (apple or event.agent == agents.APPLE_AGENT):
        return Actor.MACHINE, "Apple's proxy fetches every mail's pictures"
    return None


def _from_scanners(event: Deed, _: Context) -> Label | None:
    owner = networks.whose(event.network)
    if owner and owner != networks.APPLE_NETWORK:
        return Actor.MACHINE, f"it comes from the network of {owner}"
    return None


def _all_at_once(event: Deed, context: Context) -> Label | None:
    if event.kind is not EventKind.CLICKED:
        return None
    for within, many in ((AT_ONCE, 2), (MANY_AT_ONCE, MANY)):
        near = {n for at, n in context.clicks if abs(at - event.at) <= within}
        if len(near) >= many:
            seconds = within.total_seconds()
            return Actor.MACHINE, f"{len(near)} links within {seconds:.0f} s"
    return None


def _too_soon(event: Deed, _: Context) -> Label | None:
    if event.after is None or event.after > SOON:
        return None
    when = f"{max(event.after, 0):.0f} s after it was delivered"
    return (Actor.MACHINE if event.after <= TOO_SOON else Actor.UNKNOWN), when


def _by_proxy(event: Deed, _: Context) -> Label | None:
    if event.kind is EventKind.OPENED and agents.is_proxy(event.agent):
        return Actor.HUMAN, f"{event.agent} fetches when the mail is opened"
    return None


def _by_program(event: Deed, _: Context) -> Label | None:
    if event.agent and event.agent != agents.APPLE_AGENT:
        return Actor.HUMAN, f"a reader's program: {event.agent}"
    return None


Rule = Callable[[Deed, Context], Label | None]

RULES: tuple[Rule, ...] = (
    _flagged,
    _trapped,
    _says_machine,
    _from_apple,
    _from_scanners,
    _all_at_once,
    _too_soon,
    _by_proxy,
    _by_program,
)
