"""Whatever happens, what is owed comes once, or says for one reason why it does not."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import col, delete, select

from conftest import _copy
from examples import examples
from flashmail.audience.timing import TimingContext, frequency_order, timing_of
from flashmail.campaigns.content import CampaignContent
from flashmail.database import connect, reading, transaction
from flashmail.digests.composing import DigestContent
from flashmail.digests.runner import start_due_digests
from flashmail.model import (
    Campaign,
    Delivery,
    DeliveryPreferences,
    DigestItem,
    DigestItemState,
    Edition,
    EditionStatus,
    Frequency,
    Subscriber,
    Subscription,
    Timing,
)
from office import Office, Post
from planning import GRACE, all_owed, make, tell

TOPICS = ("Iran", "Economy", "Pakistan")
ZONES = ("", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia", "America/New_York")
READERS = ("Anne", "Bart", "Carl")
NIGHTS = ("", "22:00-07:00", "01:30-02:30", "09:00-17:00")

readers = st.sampled_from(READERS)
topics = st.sets(st.sampled_from(TOPICS), min_size=1).map(sorted)

STEPS = st.one_of(
    st.tuples(
        st.just("follow"), readers, st.sampled_from(TOPICS), st.sampled_from(Frequency)
    ),
    st.tuples(st.just("unfollow"), readers, st.sampled_from(TOPICS)),
    st.tuples(st.just("live in"), readers, st.sampled_from(ZONES)),
    st.tuples(
        st.just("ask"),
        readers,
        st.sampled_from(NIGHTS),
        st.none() | st.integers(0, 2),
        st.booleans(),
        st.none() | st.integers(1, 100),
    ),
    st.tuples(st.just("tell"), topics, st.booleans()),
    st.tuples(st.just("tell"), topics, st.booleans()),
    st.tuples(st.just("mend"), st.integers(0, 5)),
    st.tuples(st.just("pass"), st.integers(1, 60 * 40)),
    st.tuples(st.just("pass"), st.integers(1, 60 * 40)),
    st.tuples(st.just("jump"), st.integers(-60 * 30, 60 * 24 * 4)),
    st.tuples(st.just("die"), st.integers(0, 3)),
)


class Died(Exception):
    """The scheduler was killed."""


class Scene:
    """An office in which things happen, and what was to be expected of each."""

    def __init__(self, engine: Engine) -> None:
        self.office = Office(engine, Post(batch_size=50))
        self.topics = {
            name: self.office.topic(name, "Iran" if name == "Economy" else "")
            for name in TOPICS
        }
        self.ids = {name: self.office.subscribe(name) for name in READERS}
        self.told: list[tuple[int, str, list[str]]] = []
        self.expected: dict[tuple[int, int], Timing | None] = {}

    def follow(self, reader: str, topic: str, frequency: Frequency) -> None:
        with transaction(self.office.engine) as session:
            key = (self.ids[reader], self.topics[topic])
            row = session.get(Subscription, key) or Subscription(
                subscriber_id=key[0], topic_id=key[1]
            )
            row.frequency = frequency
            session.add(row)

    def unfollow(self, reader: str, topic: str) -> None:
        with transaction(self.office.engine) as session:
            session.execute(
                delete(Subscription)
                .where(col(Subscription.subscriber_id) == self.ids[reader])
                .where(col(Subscription.topic_id) == self.topics[topic])
            )

    def live_in(self, reader: str, zone: str) -> None:
        with transaction(self.office.engine) as session:
            session.get_one(Subscriber, self.ids[reader]).time_zone = zone

    def ask(
        self, reader: str, quiet: str, cap: int | None, anyway: bool, rest: int | None
    ) -> None:
        until = self.office.now + timedelta(hours=rest) if rest else None
        with transaction(self.office.engine) as session:
            row = session.get(
                DeliveryPreferences, self.ids[reader]
            ) or DeliveryPreferences(subscriber_id=self.ids[reader])
            row.quiet_hours, row.daily_limit, row.urgent_overrides = quiet, cap, anyway
            row.paused_until = until
            session.add(row)

    def tell(self, about: list[str], urgent: bool, corrects: int | None = None) -> None:
        title = f"Brief {len(self.told)}"
        before = self.paths(about, urgent)
        number = tell(self.office, title, *about, urgent=urgent, corrects=corrects)
        self.told.append((number, title, about))
        self.expected |= {(number, who): path for who, path in before.items()}

    def mend(self, which: int) -> None:
        if self.told:
            number, _, about = self.told[which % len(self.told)]
            self.tell(about, False, corrects=number)

    def jump(self, minutes: int) -> None:
        self.office.now += timedelta(minutes=minutes)
        self.look(make)

    def pass_(self, minutes: int) -> None:
        """Let time pass as it does, with a look at the clock every ten minutes."""
        until = self.office.now + timedelta(minutes=minutes)
        while self.office.now < until:
            self.office.now += timedelta(minutes=10)
            self.look(make)

    def wait(self) -> None:
        """Let time pass until nothing is due any more."""
        waiting = (
            select(Edition.at)
            .where(Edition.status == EditionStatus.WAITING)
            .order_by(col(Edition.at))
        )
        self.look(make)
        for _ in range(100):
            with reading(self.office.engine) as session:
                following = session.exec(waiting).first()
            if following is None:
                return
            self.office.now = max(self.office.now, following)
            self.look(make)
        raise AssertionError("there is no end to it")

    def die(self, after: int) -> None:
        """Kill the scheduler after it has made so many digests."""
        left = [after]

        def fragile(digest: DigestContent) -> CampaignContent:
            if not left[0]:
                raise Died
            left[0] -= 1
            return make(digest)

        self.office.now += timedelta(minutes=10)
        with suppress(Died):
            self.look(fragile)

    def look(self, how: Any) -> None:
        if start_due_digests(
            self.office.engine, how, missed_after=GRACE, now=self.office.now
        ):
            self.office.send_all()

    def paths(self, about: list[str], urgent: bool) -> dict[int, Timing | None]:
        """Return by which path each reader is to be told, as the pure rule has it."""
        bringing = {*about, *(["Iran"] if "Economy" in about else [])}
        ids = {self.topics[name] for name in bringing}
        return {who: self.path(who, ids, urgent) for who in self.ids.values()}

    def path(self, who: int, topic_ids: set[int], urgent: bool) -> Timing | None:
        with reading(self.office.engine) as session:
            following = select(Subscription).where(Subscription.subscriber_id == who)
            at = {
                row.frequency
                for row in session.exec(following)
                if row.topic_id in topic_ids
            }
            zone = session.get_one(Subscriber, who).time_zone
            asked = session.get(DeliveryPreferences, who) or DeliveryPreferences(
                subscriber_id=who
            )
        if not at:
            return None
        habits = TimingContext(
            min(at, key=frequency_order(urgent=urgent).index),
            zone,
            asked.paused_until,
            asked.quiet_hours,
            asked.daily_limit,
            asked.urgent_overrides,
            self.lately(who),
        )
        return timing_of(habits, urgent=urgent, now=self.office.now)

    def lately(self, who: int) -> int:
        """Return how many mails were sent to a reader within a day."""
        since = self.office.now - timedelta(hours=24)
        lately = (
            select(Delivery)
            .join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
            .where(Delivery.subscriber_id == who)
            .where(col(Campaign.started_at) > since)
        )
        with reading(self.office.engine) as session:
            return len(session.exec(lately).all())


def _play(tables: Engine, steps: list[tuple[Any, ...]]) -> None:
    engine = connect("sqlite://")
    _copy(tables, engine)
    try:
        scene = Scene(engine)
        for verb, *given in steps:
            getattr(scene, {"live in": "live_in", "pass": "pass_"}.get(verb, verb))(
                *given
            )
        scene.wait()
        _judge(scene)
    finally:
        engine.dispose()


def _judge(scene: Scene) -> None:
    office = scene.office
    rows = {(each.campaign_id, each.subscriber_id): each for each in all_owed(office)}
    with reading(office.engine) as session:
        sent = {
            (d.campaign_id, d.subscriber_id) for d in session.exec(select(Delivery))
        }
    for pair, path in scene.expected.items():
        at_once, row = pair in sent, rows.get(pair)
        # By exactly one path, and by the one that the pure rule says.
        assert at_once == (path is Timing.AT_ONCE), (pair, path)
        assert (row.timing if row else None) == (None if at_once else path), (
            pair,
            path,
        )
        if row is not None:
            _settled(row, sent)
    _never_twice(scene)


def _settled(row: DigestItem, sent: set[tuple[int, int]]) -> None:
    """What was owed came, or says why not."""
    assert row.state is not DigestItemState.WAITING
    assert (row.reason is None) == (row.state is DigestItemState.BUNDLED)
    if row.state is DigestItemState.BUNDLED:
        assert row.digest_campaign_id is not None
        assert (row.digest_campaign_id, row.subscriber_id) in sent


def _never_twice(scene: Scene) -> None:
    got: Counter[tuple[str, str]] = Counter()
    for message, recipient in scene.office.post.sent:
        assert message.subject
        got.update((recipient.address, part) for part in message.subject.split(" + "))
    assert all(times == 1 for times in got.values()), got


def promise(count: int, *, steady: bool = True) -> Any:
    """Have a test of so many random scenes."""

    @settings(
        derandomize=steady,
        max_examples=examples(count),
        deadline=None,
        # A scene takes long to play, and longest where it is made smaller and smaller.
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
        ],
    )
    @given(steps=st.lists(STEPS, min_size=3, max_size=25))
    def test(tables: Engine, steps: list[tuple[Any, ...]]) -> None:
        _play(tables, steps)

    return test


test_each_brief_comes_once_or_says_why = promise(6)
test_each_brief_comes_once_or_says_why_in_many_scenes = pytest.mark.slow(
    promise(60, steady=False)
)
