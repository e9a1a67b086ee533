"""Chromium, and the pages of an office at a port of their own."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn
from axe_core_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright

from flashmail.tasks import AtOnce, Tasks
from flashmail.transports.outbox import Outbox
from flashmail.web.app import create_app
from office import PRESS, Office

PHONE = {"width": 375, "height": 740}
DESK = {"width": 1200, "height": 850}

#: axe asks each frame for its findings; a preview's has no origin, so the browser may
#: complain of that question. No page of ours posts messages to frames.
AXE = re.compile("^Failed to execute 'postMessage' on 'DOMWindow': The target origin")

#: Each would say so in the page's title if it ran.
PAYLOADS = (
    "<script>document.title='ran'</script>",
    "<img src=x onerror=\"document.title='ran'\">",
    "\"><svg onload=document.title='ran'>",
    "javascript:document.title='ran'",
    "{{7*7}}",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser of this machine; where there is none, that is a failure.

    Its driver runs a loop of its own, which no other module should meet.
    """
    path = shutil.which("chromium")
    assert path, "there is no chromium: install the package of this name"
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def house(office: Office, tmp_path: Path) -> Iterator[str]:
    """The pages at a port of their own; Anne has got a mail."""
    office.subscribe("Anne", "Iran")
    app = create_app(
        office.engine,
        office.tokens,
        Outbox(tmp_path / "outbox"),
        home=tmp_path,
        tasks=Tasks(office.engine, AtOnce()),
        kit=PRESS,
    )
    with served(app) as address:
        yield address


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application at a port of its own; yield its address."""
    config = uvicorn.Config(app, port=0, log_level="error", ws="none")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
    app.state.tasks.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A phone; it complains of whatever a page does that it may not."""
    yield from _window(browser, viewport=PHONE)


@pytest.fixture
def desk(browser: Browser) -> Iterator[Page]:
    """A window on a desk, as strict as the phone."""
    yield from _window(browser, viewport=DESK)


def _window(browser: Browser, **kind: Any) -> Iterator[Page]:
    context = browser.new_context(**kind)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text))
    yield page
    context.close()
    assert [each for each in complaints if not AXE.search(each)] == []


def fits(page: Page) -> bool:
    """Return whether a page can be read without moving it sideways."""
    wide = "document.documentElement.scrollWidth <= window.innerWidth"
    return bool(page.evaluate(wide))


def barriers(page: Page) -> list[str]:
    """Return what keeps people out of a page, by axe-core's rules."""
    found = Axe().run(page)["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]


def picture(page: Page, path: Path) -> None:
    """Take a picture of a whole page, to be looked at."""
    page.screenshot(path=path, full_page=True)
