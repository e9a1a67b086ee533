"""The words of MJML 4: its tags, where each belongs, and the attributes it takes.

After the documentation of MJML 4, less what the compiler in use does not know.
"""

from collections.abc import Iterator

from flashmail.errors import RenderError
from flashmail.findings import TemplateProblem
from flashmail.rendering.html import Tag, destination, is_untouched, tags
from flashmail.rendering.mjml import DEEPEST

PADDING = "padding padding-bottom padding-left padding-right padding-top"

BORDER = "border border-bottom border-left border-radius border-right border-top"

FONT = "color font-family font-size font-style font-weight line-height"

LINK = "href name rel target title"

BLOCK = f"align container-background-color {PADDING}"

SURFACE = (
    "background-color background-position background-position-x background-position-y "
    f"background-repeat background-size background-url {BORDER} {PADDING} direction "
    "full-width text-align text-padding"
)

ICONS = "icon-height icon-padding icon-size"

FOLDING = (
    "border font-family icon-align icon-height icon-position icon-unwrapped-alt "
    "icon-unwrapped-url icon-width icon-wrapped-alt icon-wrapped-url"
)

#: What a column holds.
CONTENT = (
    "mj-accordion mj-button mj-carousel mj-divider mj-image mj-navbar mj-raw mj-social "
    "mj-spacer mj-table mj-text"
)

#: What each tag holds; of those not named here the inside is html or text.
INSIDE = {
    "mjml": "mj-head mj-body mj-raw",
    "mj-head": (
        "mj-attributes mj-breakpoint mj-font mj-preview mj-raw mj-style mj-title"
    ),
    "mj-body": "mj-hero mj-raw mj-section mj-wrapper",
    "mj-wrapper": "mj-hero mj-raw mj-section",
    "mj-section": "mj-column mj-group mj-raw",
    "mj-group": "mj-column mj-raw",
    "mj-column": CONTENT,
    "mj-hero": CONTENT,
    "mj-social": "mj-social-element mj-raw",
    "mj-navbar": "mj-navbar-link mj-raw",
    "mj-carousel": "mj-carousel-image",
    "mj-accordion": "mj-accordion-element mj-raw",
    "mj-accordion-element": "mj-accordion-title mj-accordion-text mj-raw",
}

#: What each tag takes besides `css-class` and `mj-class`.
ATTRIBUTES = {
    "mjml": "dir lang owa version",
    "mj-head": "",
    "mj-attributes": "",
    "mj-breakpoint": "width",
    "mj-font": "href name",
    "mj-preview": "",
    "mj-raw": "position",
    "mj-style": "inline",
    "mj-title": "",
    "mj-body": "background-color width",
    "mj-wrapper": f"{SURFACE} gap",
    "mj-section": SURFACE,
    "mj-group": "background-color direction vertical-align width",
    "mj-column": (
        f"background-color {BORDER} direction inner-background-color inner-border "
        "inner-border-bottom inner-border-left inner-border-radius inner-border-right "
        f"inner-border-top {PADDING} vertical-align width"
    ),
    "mj-hero": (
        "background-color background-height background-position background-url "
        "background-width border-radius container-background-color height "
        "inner-background-color inner-padding inner-padding-bottom inner-padding-left "
        f"inner-padding-right inner-padding-top mode {PADDING} vertical-align width"
    ),
    "mj-text": (
        f"{BLOCK} {FONT} background-color height letter-spacing text-decoration "
        "text-transform vertical-align"
    ),
    "mj-button": (
        f"{BLOCK} {BORDER} {FONT} {LINK} background-color height inner-padding "
        "letter-spacing text-align text-decoration text-transform vertical-align width"
    ),
    "mj-image": (
        f"{BLOCK} {BORDER} {LINK} alt fluid-on-mobile font-size height max-height "
        "sizes src srcset usemap width"
    ),
    "mj-divider": f"{BLOCK} border-color border-style border-width width",
    "mj-spacer": (
        "border border-bottom border-left border-right border-top "
        f"container-background-color height {PADDING}"
    ),
    "mj-table": (
        f"{BLOCK} {FONT} border cellpadding cellspacing role table-layout "
        "vertical-align width"
    ),
    "mj-social": (
        f"{BLOCK} {FONT} {ICONS} border-radius inner-padding mode table-layout "
        "text-decoration text-padding vertical-align"
    ),
    "mj-social-element": (
        f"{FONT} {ICONS} {LINK} {PADDING} align alt background-color border-radius "
        "icon-position sizes src srcset text-decoration text-padding vertical-align"
    ),
    "mj-navbar": (
        "align base-url hamburger ico-align ico-close ico-color ico-font-family "
        "ico-font-size ico-line-height ico-open ico-padding ico-padding-bottom "
        "ico-padding-left ico-padding-right ico-padding-top ico-text-decoration "
        f"ico-text-transform {PADDING}"
    ),
    "mj-navbar-link": (
        f"{FONT} {PADDING} href letter-spacing name rel target text-decoration "
        "text-transform"
    ),
    "mj-accordion": f"{FOLDING} container-background-color {PADDING}",
    "mj-accordion-element": f"{FOLDING} background-color",
    "mj-accordion-title": (
        f"background-color color font-family font-size font-weight {PADDING}"
    ),
    "mj-accordion-text": (
        "background-color color font-family font-size font-weight letter-spacing "
        f"line-height {PADDING}"
    ),
    "mj-carousel": (
        f"align border-radius container-background-color icon-width left-icon "
        f"{PADDING} right-icon tb-border tb-border-radius tb-hover-border-color "
        "tb-selected-border-color tb-width thumbnails"
    ),
    "mj-carousel-image": (
        "alt border-radius href rel src target tb-border tb-border-radius "
        "thumbnails-src title"
    ),
}

#: Known to MJML, and what to do instead of using them here.
WITHOUT = {
    "mj-include": "use {% include %} of Jinja",
    "mj-html-attributes": "the compiler in use does not know it; leave it out",
    "mj-selector": "the compiler in use does not know it; leave it out",
    "mj-html-attribute": "the compiler in use does not know it; leave it out",
}

#: Without an alternative text these say nothing to readers that do not see them.
PICTURES = frozenset({"img", "mj-image", "mj-carousel-image"})

_INSIDE = {tag: frozenset(names.split()) for tag, names in INSIDE.items()}

_ATTRIBUTES = {tag: frozenset(names.split()) for tag, names in ATTRIBUTES.items()}


def holds(parent: str, tag: str) -> bool:
    """Say whether a tag may stand within another; what holds html holds any."""
    return parent not in _INSIDE or tag in _INSIDE[parent]


def holds_html(tag: str) -> bool:
    """Say whether a tag's inside is html or text, as that of html is itself."""
    return tag not in _INSIDE and tag != "mj-attributes"


def is_known(tag: str) -> bool:
    return tag in _ATTRIBUTES


def takes(tag: str, attribute: str) -> bool:
    """Say whether a tag of MJML takes an attribute."""
    return attribute in {"css-class", "mj-class"} | _ATTRIBUTES[tag]


#: Stands in a source where Jinja writes something; see `check.without_jinja`.
WRITTEN = "\ufffc"

#: A link may lead anywhere that holds these when the mail is made.
LINKING = ("href",)

LOADING = ("src", "background-url", "thumbnails-src", "icon-wrapped-url")


def lint(file: str, source: str) -> Iterator[TemplateProblem]:
    """Yield what is wrong with a file of MJML, whole or a part of one."""
    within: list[str] = []
    try:
        for tag in tags(source):
            if tag.closes:
                _leave(within, tag.name)
                continue
            for message in _errors(tag, within):
                yield TemplateProblem("error", file, tag.line, message)
            for message in _warnings(tag):
                yield TemplateProblem("warning", file, tag.line, message)
            if not tag.is_empty:
                within.append(tag.name)
            if len(within) == DEEPEST + 1:
                message = f"tags are nested deeper than {DEEPEST}"
                yield TemplateProblem("error", file, tag.line, message)
    except RenderError as error:
        yield TemplateProblem("error", file, error.line, error.message)


def _leave(within: list[str], name: str) -> None:
    """Close a tag; one that was never opened is for the compiler to refuse."""
    if name in within:
        while within.pop() != name:
            pass


def _errors(tag: Tag, within: list[str]) -> Iterator[str]:
    yield from _of_mjml(tag, within)
    if tag.name in PICTURES and tag.attribute("alt") is None:
        yield f'<{tag.name}> has no alt; alt="" if it only decorates'
    for name in LINKING:
        address = tag.attribute(name)
        if address is not None and WRITTEN not in address:
            yield from _of_link(address)


def _of_mjml(tag: Tag, within: list[str]) -> Iterator[str]:
    parent = within[-1] if within else ""
    if any(holds_html(each) for each in within):
        if tag.name.startswith("mj-"):
            yield f"<{tag.name}> cannot stand in <{parent}>"
    elif tag.name in WITHOUT:
        yield f"<{tag.name}>: {WITHOUT[tag.name]}"
    elif "mj-attributes" in within:
        if tag.name not in {"mj-all", "mj-class"}:
            yield from _unknown(tag)
    elif not is_known(tag.name):
        yield from _unknown_tag(tag, parent)
    else:
        yield from _unknown(tag)
        if not holds(parent, tag.name):
            yield f"<{tag.name}> cannot stand in <{parent}>"


def _unknown_tag(tag: Tag, parent: str) -> Iterator[str]:
    if tag.name.startswith("mj"):
        yield f"there is no tag <{tag.name}>"
    elif parent:
        yield f"<{tag.name}> is html: it belongs into mj-text, mj-table or mj-raw"


def _unknown(tag: Tag) -> Iterator[str]:
    if not is_known(tag.name):
        yield f"there is no tag <{tag.name}>"
        return
    for name, _ in tag.attributes:
        if not takes(tag.name, name):
            yield f"<{tag.name}> takes no {name}"


def _of_link(address: str) -> Iterator[str]:
    try:
        if not is_untouched(address):
            destination(address)
    except RenderError as error:
        yield error.message


def _warnings(tag: Tag) -> Iterator[str]:
    for name in LINKING + LOADING:
        if (tag.attribute(name) or "").startswith("http:"):
            yield f"{name} leads over http, which anybody can read; use https"
    if tag.name == "mj-font":
        yield "a font from elsewhere is not loaded: it would tell who reads"
    if tag.name == "mj-social-element" and not tag.attribute("src"):
        yield "its icon comes from another host; name one of your own in src"
