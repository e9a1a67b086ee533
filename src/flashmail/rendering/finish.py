"""Finish: html gets its counted links and the pixel, and is looked at as a whole."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flashmail.errors import RenderError
from flashmail.links import Links
from flashmail.message import HERE, PIXEL, TOKEN_WIDTH, WATCH, mark
from flashmail.rendering.html import Document, destination, is_untouched, with_links
from flashmail.rendering.process import RenderedPages

#: Gmail cuts a mail off at 102 KB, and the way to unsubscribe with it.
LARGEST = 100_000

#: Addresses that a mail must show, in html and in text, if its kind is given them.
NEEDED = {
    "unsubscribe_url": "the way to unsubscribe",
    "confirm_url": "the way to confirm",
    "never_url": "the way to never be written to",
}


@dataclass(frozen=True)
class Finished:
    """A whole html document, but for its stand-ins."""

    html: str
    destinations: tuple[str, ...]


def finish(
    pages: RenderedPages,
    own: Mapping[str, str],
    stem: str,
    postal: str,
    counted: Links | None,
) -> Finished:
    """Return the html with its links counted, if `counted`; refuse what is amiss.

    `own` are our own addresses by name. They lead where they say, as do those of mail
    and telephone; every other link leads through us, the same one by the same number.
    """
    _refuse_too_large(pages.html, stem)
    document = Document(pages.html, stem)
    _refuse_lacking(document, pages.text, own)
    _refuse_without(postal, document.text, pages.text)
    _refuse_pictures(document, own)
    numbers: dict[str, int] = {}
    html = with_links(document, _leading(set(own.values()), stem, counted, numbers))
    if counted and own["pixel_url"] not in html:
        html = _with_pixel(html, own["pixel_url"])
    _refuse_too_large(html, stem)
    return Finished(html, tuple(numbers))


def _leading(
    own: set[str], stem: str, counted: Links | None, numbers: dict[str, int]
) -> Callable[[str], str]:
    """Return what changes a link's address; it notes in `numbers` what it counts."""

    def changed(address: str) -> str:
        if address in own - {""} or is_untouched(address):
            return address
        if stem in address:
            message = "a link cannot hold a field: where it leads is fixed at approval"
            raise RenderError(message)
        url = destination(address)
        if counted is None:
            return url
        return counted.click(numbers.setdefault(url, len(numbers) + 1))

    return changed


def _with_pixel(html: str, address: str) -> str:
    before, end, after = html.rpartition("</body>")
    pixel = f'<img src="{address}" width="1" height="1" alt="">'
    return f"{before}{pixel}{end}{after}"


def _refuse_lacking(document: Document, text: str, own: Mapping[str, str]) -> None:
    linked = {place.address for place in document.links}
    for name in sorted(NEEDED.keys() & own.keys()):
        for shown, part in ((own[name] in linked, "html"), (own[name] in text, "text")):
            if not shown:
                raise RenderError(f"the {part} lacks {NEEDED[name]}: show {name}")


def _refuse_without(postal: str, html: str, text: str) -> None:
    """Refuse a mail without the sender's postal address, as CAN-SPAM does."""
    for words, part in ((html, "html"), (text, "text")):
        if " ".join(postal.split()) not in " ".join(words.split()):
            message = "lacks the postal address: show site.postal_address"
            raise RenderError(f"the {part} {message}")


def _refuse_pictures(document: Document, own: Mapping[str, str]) -> None:
    for picture in document.pictures:
        source = picture.get("src", "")
        if source not in own.values() and not source.startswith("cid:"):
            destination(source)


def _refuse_too_large(html: str, stem: str) -> None:
    # Readers' tokens are longer than the marks and stand-ins that are there for now.
    tokens = html.count("\x01") + html.count(stem)
    size = len(html.encode()) + tokens * TOKEN_WIDTH
    if size > LARGEST:
        raise RenderError(
            f"the html is {size // 1000} KB, {LARGEST // 1000} KB is the most: Gmail "
            "cuts longer mails off, and the way to unsubscribe with them. Shorten "
            "the brief, or send it in two"
        )


#: A link that nobody sees, hears or can step on. Programs that look at every link of a
#: mail follow it, and so tell that what they opened was opened by no reader.
TRAP = (
    '<a href="{}" aria-hidden="true" tabindex="-1" rel="nofollow"'
    ' style="display:none;mso-hide:all"></a>'
)


def watched(html: str, links: Links) -> str:
    """Return a marked page, with a pixel only for readers with tracking."""
    pixel = re.compile(rf'<img\b[^>]*\ssrc="{re.escape(links.pixel())}"[^>]*>')

    def unless_unwatched(found: re.Match[str]) -> str:
        return mark(PIXEL, found[0].replace(mark(WATCH), HERE))

    before, end, after = pixel.sub(unless_unwatched, html).rpartition("</body>")
    return f"{before}{TRAP.format(links.trap())}{end}{after}"
