"""Programs that open mails and follow links, by what they say of themselves."""

import re
from functools import lru_cache

from ua_parser import parse

#: How much of a stranger's words is looked at, and kept.
LONGEST, AGENTS_KEPT = 300, 60

#: Begins the family of a program that reads for nobody.
MACHINE = "machine: "

#: Programs that fetch a picture for somebody who just opened the mail.
PROXIES = {
    "googleimageproxy": "Gmail's picture proxy",
    "yahoomailproxy": "Yahoo's picture proxy",
}

#: Apple's privacy protection fetches every picture when a mail arrives, and says no
#: more than this.
APPLE_AGENT = "Apple's privacy proxy"
APPLE_SAYS = "Mozilla/5.0"

#: Words of scanners, preview makers and libraries. A browser has none of them.
WORDS = (
    "barracuda",
    "proofpoint",
    "mimecast",
    "messagelabs",
    "symantec",
    "trendmicro",
    "trend micro",
    "fortimail",
    "fortinet",
    "sophos",
    "bitdefender",
    "ironport",
    "cloudmark",
    "safelinks",
    "urldefense",
    "existence discovery",
    "protocol discovery",
    "headless",
    "phantomjs",
    "curl",
    "wget",
    "python",
    "aiohttp",
    "httpx",
    "go-http-client",
    "java/",
    "okhttp",
    "httpclient",
    "libwww",
    "node-fetch",
    "axios",
    "scrapy",
    "facebookexternalhit",
    "whatsapp",
    "skypeuripreview",
    "preview",
    "scanner",
    "monitor",
)

BOT = re.compile(r"bot\b|crawl|spider", re.IGNORECASE)


@lru_cache(1 << 12)
def family(says: str) -> str:
    """Return the family of a program by its User-Agent; empty if it says nothing."""
    says = says[:LONGEST].strip()
    lower = says.lower()
    if not says:
        return ""
    if says == APPLE_SAYS:
        return APPLE_AGENT
    for word, name in PROXIES.items():
        if word in lower:
            return name
    if word := next((word for word in WORDS if word in lower), ""):
        return f"{MACHINE}{word.rstrip('/')}"
    return _parsed(says)


def is_machine(family: str) -> bool:
    return family.startswith(MACHINE)


def is_proxy(family: str) -> bool:
    return family in PROXIES.values()


def _parsed(says: str) -> str:
    known = parse(says)
    name = known.user_agent.family if known.user_agent else ""
    spider = known.device is not None and known.device.family == "Spider"
    name = "".join(c for c in name if c.isprintable())[:AGENTS_KEPT]
    if spider or BOT.search(says):
        return f"{MACHINE}{name or 'bot'}"
    return name
