"""The archive for everybody: briefs, topics, people, feeds, and what robots ask."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup
from sqlmodel import Session

from flashmail.audience.topics import lineage
from flashmail.briefs.brief import lifted
from flashmail.campaigns import archive
from flashmail.campaigns.archive import (
    Amendment,
    ArchivedBrief,
    about,
    entries,
    open_topics,
    path_slug,
    quoting,
)
from flashmail.campaigns.briefs import embargo_of
from flashmail.campaigns.content import MailKit
from flashmail.links import NOBODY, BadToken, Purpose
from flashmail.message import LEAVE, TOKEN_WIDTH, WATCH, fill
from flashmail.model import Campaign, Delivery, Topic
from flashmail.rendering.brief_values import blocks, brief_value, html_form
from flashmail.web.dependencies import Now, OurTokens, Reading
from flashmail.web.page import mail, page, xml
from flashmail.web.policy import BEARER, EVERYONE, allow

router = APIRouter()

ON_A_PAGE = 20

#: When a feed changed that has nothing in it yet.
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

IN_A_FEED = 30

#: Shared caches may keep it for some minutes; a brief that is taken back is gone then.
KEPT = "public, max-age=300"

ROBOTS = """\
User-agent: *
Allow: /archive
Allow: /static/
Allow: /join
Disallow: /

Sitemap: {base}/archive/sitemap.xml
"""


@router.get("/archive", **allow(EVERYONE))
def overview(request: Request, session: Reading, now: Now, before: int = 0) -> Response:
    """Show the latest briefs."""
    found = entries(session, now=now)
    return _list(request, session, found, _kit(request).sender.name, "/archive", before)


@router.get("/archive/feed.{form}", **allow(EVERYONE))
def feed(form: str, request: Request, session: Reading, now: Now) -> Response:
    """Return the latest briefs as a feed, Atom or JSON."""
    name = _kit(request).sender.name
    return _feed(request, form, entries(session, now=now), name, "/archive")


@router.get("/archive/sitemap.xml", **allow(EVERYONE))
def sitemap(request: Request, session: Reading, now: Now) -> Response:
    """Tell robots what there is to read."""
    found = entries(session, now=now)
    topics = [f"/archive/topics/{each.slug}" for each in open_topics(session)]
    people = sorted({path_slug(name) for each in found for name in each.people})
    paths = ["/archive", *topics, *(f"/archive/people/{each}" for each in people)]
    text = xml("sitemap", base=_base(request), entries=found, paths=paths)
    return _cached(request, text, "application/xml")


@router.get("/robots.txt", **allow(EVERYONE))
def robots(request: Request) -> Response:
    """Let robots read the archive, and nothing else."""
    return _cached(request, ROBOTS.format(base=_base(request)), "text/plain")


@router.get("/archive/topics/{slug}", **allow(EVERYONE))
def topic(
    slug: str, request: Request, session: Reading, now: Now, before: int = 0
) -> Response:
    """Show the briefs on a topic, and on what belongs under it."""
    name, found = _of_topic(session, slug, now)
    return _list(request, session, found, name, f"/archive/topics/{slug}", before)


@router.get("/archive/topics/{slug}/feed.{form}", **allow(EVERYONE))
def topic_feed(
    slug: str, form: str, request: Request, session: Reading, now: Now
) -> Response:
    """Return a topic's briefs as a feed."""
    name, found = _of_topic(session, slug, now)
    return _feed(request, form, found, name, f"/archive/topics/{slug}")


@router.get("/archive/people/{slug}", **allow(EVERYONE))
def person(
    slug: str, request: Request, session: Reading, now: Now, before: int = 0
) -> Response:
    """Show the briefs that quote somebody."""
    name, found = _of_person(session, slug, now)
    return _list(request, session, found, name, f"/archive/people/{slug}", before)


@router.get("/archive/people/{slug}/feed.{form}", **allow(EVERYONE))
def person_feed(
    slug: str, form: str, request: Request, session: Reading, now: Now
) -> Response:
    """Return the briefs that quote somebody as a feed."""
    name, found = _of_person(session, slug, now)
    return _feed(request, form, found, name, f"/archive/people/{slug}")


@router.get("/archive/{number}", **allow(EVERYONE))
@router.get("/archive/{number}/{slug}", **allow(EVERYONE))
def brief(
    number: int, request: Request, session: Reading, now: Now, slug: str = ""
) -> Response:
    """Show one brief at the address at which it stays."""
    found = archive.find(session, number, now=now)
    if found is None:
        raise HTTPException(404, "There is no such brief.")
    if found.withdrawal is not None:
        [withdrawal] = _told([found.withdrawal])
        return page("withdrawn", 410, withdrawal=withdrawal)
    if request.url.path != found.path:
        return RedirectResponse(found.path, 301, {"X-Robots-Tag": "all"})
    answer = page(
        "archive-brief",
        entry=found,
        corrections=_told(found.corrections),
        brief=brief_value(found.brief, _html),
        base=_base(request),
        slugs=_slugs(session),
        slug_of=path_slug,
    )
    return _cached(request, bytes(answer.body).decode(), "text/html", answer)


def _list(
    request: Request,
    session: Session,
    found: Sequence[ArchivedBrief],
    title: str,
    path: str,
    before: int,
) -> Response:
    begin = next((n + 1 for n, e in enumerate(found) if e.number == before), 0)
    some = found[begin : begin + ON_A_PAGE]
    more = some[-1].number if len(found) > begin + ON_A_PAGE else 0
    values: dict[str, Any] = {
        "entries": [(each, brief_value(each.brief, _html)) for each in some],
        "topics": _topics_of(session, found),
        "people": sorted({name for each in found for name in each.people}),
        "base": _base(request),
        "slug_of": path_slug,
    }
    answer = page("archive", title=title, path=path, more=more, **values)
    return _cached(request, bytes(answer.body).decode(), "text/html", answer)


def _feed(
    request: Request, form: str, found: Sequence[ArchivedBrief], title: str, path: str
) -> Response:
    if form not in FEEDS:
        raise HTTPException(404, "There is no such feed.")
    media_type, write = FEEDS[form]
    some = [(e, brief_value(e.brief, _html)) for e in found[:IN_A_FEED]]
    return _cached(request, write(_base(request), title, path, some), media_type)


def _atom(
    base: str, title: str, path: str, some: Sequence[tuple[ArchivedBrief, Any]]
) -> str:
    changed = max((each.changed_at for each, _ in some), default=BEGINNING)
    entries = [(*each, _content(*each)) for each in some]
    return xml(
        "feed", base=base, title=title, path=path, entries=entries, changed=changed
    )


def _json(
    base: str, title: str, path: str, some: Sequence[tuple[ArchivedBrief, Any]]
) -> str:
    return json.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": title,
            "home_page_url": f"{base}{path}",
            "feed_url": f"{base}{path}/feed.json",
            "items": [
                {
                    "id": f"{base}/archive/{entry.number}",
                    "url": f"{base}{entry.path}",
                    "title": value["title"],
                    "summary": value["opening"],
                    "content_html": _content(entry, value),
                    "date_published": entry.published_at.isoformat(),
                    "date_modified": entry.changed_at.isoformat(),
                    "authors": [{"name": name} for name in entry.people],
                    "tags": value["topics"],
                }
                for entry, value in some
            ],
        },
        ensure_ascii=False,
    )


def _content(entry: ArchivedBrief, brief: Any) -> str:
    return xml("feed-brief", brief=brief, corrections=_told(entry.corrections))


def _told(amendments: Sequence[Amendment]) -> list[dict[str, Any]]:
    """Return what readers were told, as a page needs it."""
    return [
        {"at": each.at, "blocks": blocks(_lines(each.words), _html)}
        for each in amendments
    ]


def _lines(text: str) -> list[str]:
    return [each for each in text.splitlines() if each.strip()]


FEEDS: dict[str, tuple[str, Callable[..., str]]] = {
    "atom": ("application/atom+xml", _atom),
    "json": ("application/feed+json", _json),
}


def _of_topic(
    session: Session, slug: str, now: datetime
) -> tuple[str, list[ArchivedBrief]]:
    names = {each.slug: each.name for each in open_topics(session)}
    if slug not in names:
        raise HTTPException(404, "There is no such topic.")
    tags = lineage(session).expand([names[slug]])
    return names[slug], about(entries(session, now=now), tags)


def _of_person(
    session: Session, slug: str, now: datetime
) -> tuple[str, list[ArchivedBrief]]:
    found = quoting(entries(session, now=now), slug)
    names = [name for each in found for name in each.people if path_slug(name) == slug]
    if not names:
        raise HTTPException(404, "There is no such person.")
    return names[0], found


def _topics_of(session: Session, found: Sequence[ArchivedBrief]) -> list[Topic]:
    """Return the topics under which there is something to read."""
    known = lineage(session)
    tags = {tag for each in found for tag in each.brief.topics if tag in known.parents}
    used = {name for tag in tags for name in known.up(tag)}
    return [each for each in open_topics(session) if each.name in used]


def _slugs(session: Session) -> dict[str, str]:
    return {each.name: each.slug for each in open_topics(session)}


def _cached(
    request: Request, text: str, media_type: str, answer: Response | None = None
) -> Response:
    """Answer with what caches may keep, or that it is still the same."""
    tag = f'"{sha256(text.encode()).hexdigest()[:24]}"'
    headers = {"Cache-Control": KEPT, "ETag": tag, "X-Robots-Tag": "all"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if answer is None:
        answer = Response(text, media_type=f"{media_type}; charset=utf-8")
    answer.headers.update(headers)
    return answer


def _html(text: str) -> Markup:
    return Markup(html_form(text))


def _base(request: Request) -> str:
    return _kit(request).links.base_url


def _kit(request: Request) -> MailKit:
    kit: MailKit = request.app.state.mail_kit
    return kit


@router.get("/v/{token}", **allow(BEARER))
def view(token: str, session: Reading, tokens: OurTokens, now: Now) -> Response:
    """Show a mail in the browser, without what only its reader may know or do."""
    key = tokens.read(Purpose.WATCH, token)
    campaign = session.get(Campaign, key[0])
    known = key[1] == NOBODY or session.get(Delivery, key) is not None
    if campaign is None or not known:
        raise BadToken("this mail is not kept any more")
    if not lifted(embargo_of(session, campaign), now=now):
        raise BadToken("this brief is not to be seen yet")
    shared = {WATCH: token, LEAVE: "0" * TOKEN_WIDTH}
    return mail(fill(campaign.html, lambda field: shared.get(field, "")))
