"""Dispatch by Procrastinate: a job for each open batch, on PostgreSQL.

A job only says that there may be a batch to send. Its worker claims the next batch
as ever, so the tables stay the truth: a job too many finds nothing to do, and one that
was lost is made anew by the next announcement. Jobs are thus disposable, and so are
Procrastinate's tables. They lie in a schema of their own.
"""

import asyncio
import hashlib
import logging
from datetime import UTC, datetime
from functools import partial

import psycopg
from procrastinate import App, JobContext, PsycopgConnector, exceptions
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.schema import SchemaManager
from procrastinate.sync_psycopg_connector import SyncPsycopgConnector
from sqlalchemy import Engine, text
from sqlmodel import Session

from flashmail.database import reading, transaction
from flashmail.delivery.dispatch import RECOVER, SendNext, attempt, sleep_or_stop
from flashmail.errors import WrongInput
from flashmail.model import Priority

logger = logging.getLogger(__name__)

SCHEMA = "flashmail_jobs"

#: What the schema's comment begins with: it is ours, and has this form.
FORM = "flashmail: Procrastinate "

#: The keys of two advisory locks: of the announcer, and of the maker of the tables.
ANNOUNCING, PREPARING = 0x666C6D01, 0x666C6D02

#: The name of the queue, and of the task in its jobs.
QUEUE, TASK = "flashmail", "send_next"

#: How many jobs one announcement makes at most; the next one goes on.
MOST = 5_000

#: How often a worker asks for jobs that are due, in seconds.
LOOK = 1.0

#: How long it waits for a connection before it begins anew, in seconds.
PATIENCE = 5.0

#: When jobs of the dead are looked for: a cron line with seconds as its last field.
RESCUE_AT = "* * * * * */5"

#: Open batches of campaigns under way for which no job is waiting. NOT IN makes one
#: hash of the jobs; NOT EXISTS reads them for each batch until they are analysed.
UNANNOUNCED = text(
    f"""
    SELECT batch.id, campaign.priority, batch.ready_at
    FROM batch JOIN campaign ON campaign.id = batch.campaign_id
    WHERE batch.state = 'open' AND campaign.status = 'sending'
    AND 'batch ' || batch.id NOT IN (
        SELECT queueing_lock FROM {SCHEMA}.procrastinate_jobs
        WHERE status = 'todo' AND queueing_lock IS NOT NULL
    )
    ORDER BY campaign.priority DESC, campaign.send_at, batch.id
    LIMIT {MOST}
    """
)


class Procrastinate:
    """Calls workers by jobs, the urgent ones first."""

    def __init__(self, engine: Engine, *, recover: float = RECOVER) -> None:
        self._engine, self._recover = engine, recover
        self._jobs = JobManager(SyncPsycopgConnector())

    def announce(self) -> None:
        """Make a job for each open batch that has none, unless another worker is at it.

        So a batch gets its job when its campaign begins, when it is opened again, and
        when its job was lost.
        """
        with transaction(self._engine) as session:
            alone = text(f"SELECT pg_try_advisory_xact_lock({ANNOUNCING})")
            if not session.scalar(alone):
                return
            now = datetime.now(UTC)
            jobs = [_job(now, *row) for row in session.execute(UNANNOUNCED)]
            if jobs:
                session.execute(text(f"SET LOCAL search_path = {SCHEMA}"))
                self._jobs.batch_defer_jobs(jobs, connection=_driver(session))

    async def run(self, send_next: SendNext, lanes: int, stop: asyncio.Event) -> None:
        """Send a batch for each job until `stop` is set; those in hand are finished.

        Procrastinate's worker gives up when the database is away; another takes over.
        """
        stopped = asyncio.create_task(stop.wait())
        while not stop.is_set():
            work = asyncio.create_task(self._work(send_next, lanes, stop))
            try:
                await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                # What it has in hand it finishes, even now.
                work.cancel()
            try:
                await work
            except asyncio.CancelledError:
                return
            except Exception:
                logger.exception("the queue cannot be reached; trying again")
            await sleep_or_stop(stop, self._recover)

    async def _work(self, send_next: SendNext, lanes: int, stop: asyncio.Event) -> None:
        # When the database is away, this says so at once; a pool would wait.
        await asyncio.to_thread(require_prepared, self._engine)
        app = _app(self._engine, partial(attempt, send_next, stop, self._recover))
        async with app.open_async():
            await app.run_worker_async(
                queues=[QUEUE],
                concurrency=lanes,
                fetch_job_polling_interval=LOOK,
                delete_jobs="always",
                install_signal_handlers=False,
            )


def prepare(engine: Engine) -> None:
    """Make Procrastinate's tables, and anew when another version needs other ones."""
    with transaction(engine) as session:
        session.execute(text(f"SELECT pg_advisory_xact_lock({PREPARING})"))
        if _form(session) == _wanted():
            return
        if _form(session).startswith(FORM):
            session.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))
        session.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        session.execute(text(f"COMMENT ON SCHEMA {SCHEMA} IS '{_wanted()}'"))
        session.execute(text(f"SET LOCAL search_path = {SCHEMA}"))
        _driver(session).execute(SchemaManager.get_schema())


def require_prepared(engine: Engine) -> None:
    """Refuse to work without Procrastinate's tables, in the form that it needs."""
    with reading(engine) as session:
        if _form(session) != _wanted():
            raise WrongInput("the job tables are missing or old: run 'flashmail init'")


def _form(session: Session) -> str:
    """Return the comment on the schema; nothing where there is no schema."""
    found = f"SELECT obj_description(to_regnamespace('{SCHEMA}'), 'pg_namespace')"
    return session.scalar(text(found)) or ""


def _wanted() -> str:
    return FORM + hashlib.sha256(SchemaManager.get_schema().encode()).hexdigest()


def _app(engine: Engine, send_next: SendNext) -> App:
    url = engine.url.set(drivername="postgresql")
    options = f"{url.query.get('options', '')} -c search_path={SCHEMA}"
    app = App(
        connector=PsycopgConnector(
            conninfo=url.render_as_string(hide_password=False),
            kwargs={"options": options},
            min_size=1,
            max_size=4,
            timeout=PATIENCE,
        )
    )

    @app.task(name=TASK, queue=QUEUE)
    async def send(batch: int) -> None:
        await send_next()

    @app.periodic(cron=RESCUE_AT)
    @app.task(
        name="rescue",
        queue=QUEUE,
        queueing_lock="rescue",
        priority=max(Priority) + 1,
        pass_context=True,
    )
    async def rescue(context: JobContext, timestamp: int) -> None:
        await _rescue(context.app.job_manager)

    return app


async def _rescue(jobs: JobManager) -> None:
    """Give the jobs of dead workers to others."""
    for job in await jobs.get_stalled_jobs(queue=QUEUE):
        try:
            await jobs.retry_job(job)
        except exceptions.UniqueViolation:
            # Its batch was announced again already.
            await jobs.finish_job(job, Status.FAILED, delete_job=True)


def _job(now: datetime, batch_id: int, priority: int, ready_at: datetime) -> Job:
    return Job(
        queue=QUEUE,
        task_name=TASK,
        task_kwargs={"batch": batch_id},
        priority=priority,
        scheduled_at=ready_at if ready_at > now else None,
        lock=None,
        queueing_lock=f"batch {batch_id}",
    )


def _driver(session: Session) -> psycopg.Connection:
    """Return the session's own connection, for what has to be in its transaction."""
    driver = session.connection().connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver
