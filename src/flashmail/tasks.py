"""Long work that a page starts: done in a thread, looked at while it is under way."""

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

from sqlalchemy import Engine, update
from sqlmodel import col

from flashmail.database import transaction
from flashmail.errors import FlashmailError
from flashmail.model import Task, TaskStatus

logger = logging.getLogger(__name__)

#: Seconds between two notes of how far a task has come.
NOTED_EACH = 0.5

#: A task that was not seen for so long was cut short: its process is gone.
FORSAKEN = timedelta(seconds=30)

AT_ONCE = 2


@dataclass
class TaskProgress:
    """Told by the work how far it is; written down beside it, now and then."""

    done: int = 0
    total: int = 0

    def __call__(self, done: int, total: int = 0) -> None:
        self.done, self.total = done, total or self.total


#: The work: told of its progress, it returns its outcome.
Work = Callable[[TaskProgress], dict[str, Any]]


class AtOnce(Executor):
    """Does the work before the page answers, for tests: nothing runs beside them."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        over: Future[Any] = Future()
        over.set_result(fn(*args, **kwargs))
        return over


@dataclass
class Tasks:
    """Where the work is done; as many at once as `executor` has threads."""

    engine: Engine
    executor: Executor = field(
        default_factory=lambda: ThreadPoolExecutor(AT_ONCE, thread_name_prefix="task")
    )

    def begin(self, title: str, work: Work, *, by: str, then: str = "") -> str:
        """Start some work; return the path of the page that shows it.

        `then` is where the page leads when it is done; `{id}` in it is the task's.
        Raises nothing of what the work raises: that is the task's note.
        """
        now = datetime.now(UTC)
        with transaction(self.engine) as session:
            task = Task(title=title, started_by=by, begun_at=now, seen_at=now)
            session.add(task)
            session.flush()
            task.then = then.format(id=task.id)
        assert task.id is not None
        self.executor.submit(self._run, task.id, work)
        return f"/tasks/{task.id}"

    def close(self) -> None:
        self.executor.shutdown(wait=True, cancel_futures=True)

    def _run(self, task_id: int, work: Work) -> None:
        progress, over = TaskProgress(), Event()
        beside = Thread(target=self._watch, args=(task_id, progress, over))
        if not isinstance(self.executor, AtOnce):
            beside.start()
        try:
            outcome = {"status": TaskStatus.DONE, "outcome": work(progress)}
        except FlashmailError as error:
            outcome = {"status": TaskStatus.FAILED, "note": str(error)}
        except Exception:
            logger.exception("task %s failed", task_id)
            note = "It failed, and that is our fault. The log says more."
            outcome = {"status": TaskStatus.FAILED, "note": note}
        over.set()
        if beside.ident:
            beside.join()
        self._note(task_id, progress, **outcome)

    def _watch(self, task_id: int, progress: TaskProgress, over: Event) -> None:
        while not over.wait(NOTED_EACH):
            with suppress(Exception):  # the work itself matters more
                self._note(task_id, progress)

    def _note(self, task_id: int, progress: TaskProgress, **values: Any) -> None:
        with transaction(self.engine) as session:
            session.execute(
                update(Task)
                .where(col(Task.id) == task_id)
                .where(col(Task.status) == TaskStatus.RUNNING)
                .values(
                    done=progress.done,
                    total=progress.total,
                    seen_at=datetime.now(UTC),
                    **values,
                )
            )


def is_cut_short(task: Task, *, now: datetime) -> bool:
    """Whether a task's process died: it says that it runs, but does not."""
    return task.status is TaskStatus.RUNNING and now - task.seen_at > FORSAKEN
