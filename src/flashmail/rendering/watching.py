"""What tells who reads, where that may be told: the pixel, and a trap for scanners."""

import re

from flashmail.links import Links
from flashmail.message import HERE, PIXEL, WATCH, mark

#: A link that nobody sees, hears or can step on. Programs that look at every link of a
#: mail follow it, and so tell that what they opened was opened by no reader.
TRAP = (
    '<a href="{}" aria-hidden="true" tabindex="-1" rel="nofollow"'
    ' style="display:none;mso-hide:all"></a>'
)


def watched(html: str, links: Links) -> str:
    """Return a marked page whose pixel is there only for those who may be watched."""
    pixel = re.compile(rf'<img\b[^>]*\ssrc="{re.escape(links.pixel())}"[^>]*>')

    def unless_unwatched(found: re.Match[str]) -> str:
        return mark(PIXEL, found[0].replace(mark(WATCH), HERE))

    before, end, after = pixel.sub(unless_unwatched, html).rpartition("</body>")
    return f"{before}{TRAP.format(links.trap())}{end}{after}"
