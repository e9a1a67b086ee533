"""The page of long work: how far it has come, live."""

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

from flashmail.model import Role, Task, TaskStatus
from flashmail.web.dependencies import Now, Reading
from flashmail.web.page import page, part
from flashmail.web.policy import allow
from flashmail.web.tasks import is_cut_short

router = APIRouter()


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
