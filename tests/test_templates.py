"""Templates: those that travel with flashmail, and what staff may not do in theirs."""

import os
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flashmail.briefs.brief import Brief
from flashmail.links import Links
from flashmail.message import HERE
from flashmail.rendering import Rendered, Renderer, RenderError, Site, TemplateProblem
from flashmail.rendering.expand import expand
from flashmail.rendering.html import Document
from flashmail.rendering.process import Job

PACKAGED = Path(__file__).parents[1] / "templates"
SITE = Site("Harbor Institute", "12 Quay Street, Springfield", "https://m.example.org")
UNSUBSCRIBE = Links(SITE.base_url).unsubscribe()
NAMES = [
    *("confirm", "correction", "digest", "flash-brief"),
    *("retraction", "urgent", "welcome"),
]
CALM = Brief("Calm", date(2026, 4, 2))

LEGAL = """
  <mj-text><a href="{{ unsubscribe_url }}">Leave</a> {{ site.postal_address }}</mj-text>
"""
MJML = """<mjml lang="en">
<mj-body>
<mj-section>
<mj-column>
%s
</mj-column>
</mj-section>
</mj-body>
</mjml>
"""
TEXT = "%s\n\n{{ unsubscribe_url }}\n\n{{ site.postal_address }}\n"

FILES = {"subject": "subject.txt", "text": "mail.txt", "mjml": "mail.mjml"}


class Home:
    """An installation with a template of its own, called `mine`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "mine"
        self.folder.mkdir()
        self.renderer = Renderer([folder, PACKAGED], SITE)
        self.write(subject="{{ brief.title }}", text=TEXT % "", inside="")

    def write(self, **parts: str) -> None:
        """Write the subject, the text, the MJML, or what is inside of its column."""
        if "inside" in parts:
            parts["mjml"] = MJML % (parts.pop("inside") + LEGAL)
        for part, content in parts.items():
            (self.folder / FILES[part]).write_text(content)

    def render(self, **parts: str) -> Rendered:
        self.write(**parts)
        return self.renderer.render(CALM, "mine")

    def refused(self, **parts: str) -> RenderError:
        """Return why a mail is not made."""
        with pytest.raises(RenderError) as caught:
            self.render(**parts)
        return caught.value

    def found(self, **parts: str) -> list[TemplateProblem]:
        self.write(**parts)
        return self.renderer.check("mine")

    def complaint(self, **parts: str) -> tuple[int, str]:
        """Return line and message of the one thing that a check finds."""
        (finding,) = self.found(**parts)
        return finding.line, finding.message


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


class Page(HTMLParser):
    """Html as Python's own parser reads it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def job(**parts: str) -> Job:
    """Return what a template that is not on disk is to be filled with."""
    texts = {"subject": "S", "text": "T", "mjml": "<mjml></mjml>"} | parts
    files = {f"mine/{FILES[part]}": text for part, text in texts.items()}
    values = {"site": {"name": "N"}, "brief": {"title": "T"}}
    return Job("mine", "fm0", files, values, values)


def packaged(name: str) -> Rendered:
    """Render a packaged template with little to say."""
    base = SITE.base_url
    extra: dict[str, dict[str, object]] = {
        "confirm": {"confirm_url": f"{base}/y/1", "never_url": f"{base}/n/1"},
        "correction": {"correction": "Two, not three."},
        "retraction": {"retraction": "It is not so."},
        "digest": {
            "briefs": (CALM,),
            "frequency": "weekly",
            "groups": ({"topic": "Rivers", "briefs": (CALM,), "links": ("",)},),
            "period": "Week 14",
        },
    }
    return Renderer([PACKAGED], SITE).render(CALM, name, extra=extra.get(name, {}))


def test_the_packaged_templates_are_these() -> None:
    assert Renderer([PACKAGED], SITE).names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_packaged_template_has_nothing_to_mend(name: str) -> None:
    assert Renderer([PACKAGED], SITE).check(name) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_packaged_template_is_small_and_open_to_all(name: str) -> None:
    html = packaged(name).message.html
    tags = Page(html).tags

    assert len(html) < 35_000
    assert dict(tags)["html"]["lang"] == "en"
    assert "article" in [attributes.get("role") for _, attributes in tags]
    assert all("alt" in attributes for tag, attributes in tags if tag == "img")
    for tag, attributes in tags:
        assert tag != "table" or attributes.get("role") == "presentation"


@pytest.mark.parametrize("name", NAMES)
def test_a_packaged_template_loads_nothing_but_our_pixel(name: str) -> None:
    html = packaged(name).message.html
    sources = [each["src"] for tag, each in Page(html).tags if tag == "img"]

    assert sources == ([] if name == "confirm" else [Links(SITE.base_url).pixel(HERE)])
    assert "url(" not in html
    assert "@import" not in html
    assert "<link" not in html


@pytest.mark.parametrize("name", sorted({*NAMES} - {"confirm"}))
def test_a_packaged_mailing_says_who_sends_it_and_how_to_leave(name: str) -> None:
    message = packaged(name).message
    page = Page(message.html)

    assert ("a", UNSUBSCRIBE) in [(tag, each.get("href")) for tag, each in page.tags]
    assert UNSUBSCRIBE in message.text.splitlines()
    assert SITE.postal_address in page.words
    assert SITE.postal_address in message.text


def test_dark_colours_are_kept_and_light_ones_inlined() -> None:
    html = packaged("flash-brief").message.html

    assert "@media (prefers-color-scheme: dark)" in html
    assert "[data-ogsc]" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "<!--[if mso" in html
    assert "font-size: 32px" in html.partition("<h1")[2].partition(">")[0]


@pytest.mark.parametrize(
    "payload",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ lipsum.__globals__['os'].environ }}",
        "{% set f='{0.__class__}'.format %}{{ f(site) }}",
        "{{ brief|attr('__class__') }}",
        "{{ brief['__class__'] }}",
        "{{ field.__globals__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ brief.title|safe }}",
        "{% autoescape false %}{{ brief.title }}{% endautoescape %}",
        "{% include '/etc/passwd' %}",
        "{% include '../flash-brief/mail.mjml' %}",
        "{{ sub.password_hash }}",
        "{{ range(3) }}",
        "{{ site.update({'name': 'x'}) }}",
        "{{ namespace(a=1) }}",
        "{{ '%999999999d'|format(1) }}",
        "{{ field('password') }}",
        "{{ field('name', '<b>') }}",
    ],
)
def test_a_template_reaches_nothing_but_its_values(payload: str) -> None:
    with pytest.raises(RenderError) as caught:
        expand(job(mjml=f"<mjml>\n{payload}</mjml>"))

    assert (caught.value.file, caught.value.line) == ("mine/mail.mjml", 2)


@pytest.mark.parametrize(
    "payload",
    [
        "{{ 'a' * 999999999 }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ ('a' * 999999) }}{{ ('b' * 999999) }}",
    ],
)
def test_a_template_that_takes_too_much_ends_by_itself(
    home: Home, payload: str
) -> None:
    me = os.getpid()

    home.refused(inside=f"<mj-text>{payload}</mj-text>")

    assert os.getpid() == me


def test_a_template_that_takes_all_memory_ends_alone_and_is_told_why(
    home: Home,
) -> None:
    hungry = "{% for a in [0] %}{{ ('x' * 99999999) ~ ('y' * 99999999) }}{% endfor %}"

    assert "more memory" in str(home.refused(inside=f"<mj-text>{hungry}</mj-text>"))


@pytest.mark.slow
def test_a_loop_without_end_is_ended(home: Home) -> None:
    loops = "".join(f"{{% for {name} in 'x' * 99999 %}}" for name in "abc")

    error = home.refused(inside=f"<mj-text>{loops}{'{% endfor %}' * 3}</mj-text>")

    assert "loops within loops" in str(error)


def test_nesting_hidden_from_our_guard_ends_the_child_alone(home: Home) -> None:
    bomb = f"<!--[if mso]>{'<b>' * 30_000}{'</b>' * 30_000}<![endif]-->"

    assert "nested too deep" in str(home.refused(inside=f"<mj-raw>{bomb}</mj-raw>"))


def test_nesting_that_would_end_the_compiler_is_refused(home: Home) -> None:
    bomb = "<div>" * 10_000 + "</div>" * 10_000

    error = home.refused(inside=f"<mj-text>{bomb}</mj-text>")

    assert "nested deeper than 100" in str(error)


@pytest.mark.parametrize(
    "mjml",
    [
        '<mjml><mj-body><mj-include path="file:///etc/passwd" /></mj-body></mjml>',
        "<mjml><mj-body><p>open</mj-body></mjml>",
        "<!DOCTYPE x [<!ENTITY a 'b'>]><mjml></mjml>",
        "<mjml>{{ field('name')|upper }}</mjml>",
        "<mjml>{{ field('name')|truncate(9) }}</mjml>",
    ],
)
def test_what_the_compiler_does_not_bear_is_refused(mjml: str) -> None:
    with pytest.raises(RenderError):
        expand(job(mjml=mjml))


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        '<meta http-equiv="refresh" content="0">',
        '<base href="https://evil.example/">',
        '<iframe src="https://evil.example/"></iframe>',
        '<img src="x" alt="" onerror="alert(1)">',
        '<link rel="stylesheet" href="https://evil.example/">',
        '<b style="color: fm0f1z">x</b>',
        "<style>b { color: fm0f1z }</style>",
    ],
)
def test_html_that_could_do_harm_is_refused(html: str) -> None:
    with pytest.raises(RenderError):
        Document(html, "fm0")


@pytest.mark.parametrize(
    "payload",
    [
        "<mj-raw><script>alert(1)</script></mj-raw>",
        '<mj-text><svg><a xlink:href="data:x">x</a></svg></mj-text>',
        '<mj-button href="/news">x</mj-button>',
        '<mj-image src="javascript:x" alt="" />',
        '<mj-text><a href="https://x.example/{{ field("name") }}">x</a></mj-text>',
    ],
)
def test_a_mail_that_could_do_harm_is_not_made(home: Home, payload: str) -> None:
    assert home.refused(inside=payload).message


@pytest.mark.parametrize(
    "subject", ["", "{{ field('name') }}", "{{ view_url }}", "a\nb"]
)
def test_a_subject_is_one_line_and_the_same_for_everybody(
    home: Home, subject: str
) -> None:
    assert "subject" in str(home.refused(subject=subject))


def test_a_mailing_without_a_way_out_is_not_made(home: Home) -> None:
    assert "unsubscribe" in str(home.refused(text="{{ site.postal_address }}"))
    assert "postal" in str(home.refused(text="{{ unsubscribe_url }}"))


def test_an_attribute_of_subscribers_is_a_field(home: Home) -> None:
    text = TEXT % "{{ field('attribute:desk', 'all desks') }}"

    assert "\x01attribute:desk|all desks\x02" in home.render(text=text).message.text


def test_words_for_outlook_alone_stay_as_they_are(home: Home) -> None:
    words = '<!--[if mso]><v:rect href="https://example.org/" /><![endif]-->'

    rendered = home.render(inside=f"<mj-raw>{words}</mj-raw>")

    assert words in rendered.message.html
    assert rendered.destinations == ()


def test_a_home_may_replace_a_template_and_a_partial(home: Home) -> None:
    partials = home.folder.parent / "partials"
    partials.mkdir()
    (partials / "footer.txt").write_text(TEXT % "Own footer")

    assert "Own footer" in home.renderer.render(CALM, "flash-brief").message.text


@pytest.mark.parametrize(
    ("inside", "line", "said"),
    [
        ("<mj-txt>x</mj-txt>", 5, "no tag <mj-txt>"),
        ('\n<mj-text colour="red">x</mj-text>', 6, "takes no colour"),
        ("<mj-section></mj-section>", 5, "cannot stand in <mj-column>"),
        ("<p>x</p>", 5, "belongs into mj-text"),
        ('<mj-image src="https://e.example/a.png" />', 5, "has no alt"),
        ('<mj-text><img src="https://e.example/a.png" /></mj-text>', 5, "has no alt"),
        ('<mj-button href="news">x</mj-button>', 5, "begins with https://"),
        ('<mj-button href="http://e.example/">x</mj-button>', 5, "use https"),
        ("<mj-text>\n{{ brief.title|safe }}</mj-text>", 6, "no filter 'safe'"),
        ("<mj-text>\n\n{{ secret }}</mj-text>", 7, "no 'secret'"),
        ("<mj-text>{{ brief.titel }}</mj-text>", 5, "no attribute 'titel'"),
        ("<mj-text>{% if %}</mj-text>", 5, "expression"),
        ("<mj-text>{{ field('x') }}</mj-text>", 5, "no field 'x'"),
        ("<mj-text>a < b</mj-text>", 5, "write &lt;"),
        ("<mj-text><p>x</mj-text>", 5, "mismatched tag"),
        ('<mj-include path="x" />', 5, "{% include %}"),
    ],
)
def test_a_check_says_what_to_mend_and_where(
    home: Home, inside: str, line: int, said: str
) -> None:
    found = home.complaint(inside=inside)

    assert found[0] == line
    assert said in found[1]


def test_a_check_names_what_is_missing(home: Home) -> None:
    (home.folder / "mail.txt").unlink()

    assert [each.message for each in home.found()] == ["this template has no mail.txt"]


def test_a_check_wants_the_address_to_leave_on_its_own_line(home: Home) -> None:
    text = "Leave: {{ unsubscribe_url }}\n{{ site.postal_address }}"

    assert home.complaint(text=text)[1].startswith("unsubscribe_url does not stand")
