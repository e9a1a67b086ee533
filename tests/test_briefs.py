"""Briefs: what is read in, what is said to programs, and what is refused."""

from pathlib import Path

import pytest

import flashmail
from flashmail.briefs import BriefError, SectionKind, as_json, read, write_markdown

TOPICS = [
    "Iran",
    "Iran Politics and Economy",
    "Iran Global Threat Network",
    "Pakistan",
]
DATA = Path(__file__).parent / "data" / "briefs"
DEMO = Path(flashmail.__file__).parent / "demo"
SHARED = Path(__file__).parents[2] / "shared" / "briefs"
PUBLISHED = SHARED / "000_6a06fe02bdaa44bf.txt"
SHORT = (
    "April 23, 2024 | Flash Brief\n\nTalks Open\n\nLatest Developments\n\nThey met.\n"
)


@pytest.mark.skipif(
    not PUBLISHED.exists(), reason="the published brief is not beside us"
)
def test_a_published_brief_is_read_without_a_doubt() -> None:
    brief = read(PUBLISHED.read_bytes(), topics=TOPICS)

    assert brief.date.isoformat() == "2024-04-23"
    assert [section.kind for section in brief.sections] == [
        SectionKind.LATEST,
        SectionKind.ANALYSIS,
        SectionKind.BACKGROUND,
    ]
    assert [len(section.paragraphs) for section in brief.sections] == [1, 0, 1]
    assert [quote.person for quote in brief.quotes] == [
        "Saeed Ghasseminejad",
        "Behnam Ben Taleblu",
    ]
    assert brief.quotes[0].role == "FDD Senior Iran and Financial Economics Advisor"
    assert [quote.text[0] + quote.text[-1] for quote in brief.quotes] == ["T.", "I."]
    assert [len(related.authors) for related in brief.related] == [1, 1, 1]
    assert [related.title[-1] for related in brief.related] == ["?", "?", "s"]
    assert brief.topics == (TOPICS[0], TOPICS[2], TOPICS[1], TOPICS[3])
    assert brief.doubts == ()


def test_our_example_has_all_that_a_brief_can_have() -> None:
    brief = read((DEMO / "brief.txt").read_bytes(), topics=TOPICS)

    assert [section.kind.value for section in brief.sections] == [
        "latest",
        "analysis",
        "background",
    ]
    assert [quote.person for quote in brief.quotes] == [
        "Leyla Ardavan",
        "Col. Thomas Wrenfield (Ret.)",
    ]
    assert brief.quotes[1].role == "Adviser, South Asia Program"
    assert brief.quotes[1].text.endswith("‘open every night.’")
    assert [len(related.authors) for related in brief.related] == [1, 2, 1]
    assert brief.topics == ("Iran", "Iran Politics and Economy", "Pakistan")
    assert brief.doubts == ()


def test_our_example_in_markdown_is_clear_too() -> None:
    brief = read((DEMO / "brief.md").read_bytes(), topics=TOPICS)

    assert brief.title == "Pakistan Delays Tender for Coastal Rail Line"
    assert brief.sections[0].paragraphs[1].startswith("- who carries the cost")
    assert brief.quotes[0].text.count("\n\n") == 1
    assert brief.related[1].url == "https://briefs.example.org/reading-a-tender"
    assert (brief.topics, brief.doubts) == (("Pakistan",), ())


def test_a_brief_without_blank_lines_is_read_all_the_same() -> None:
    brief = read(
        (DATA / "single-spaced.txt").read_bytes(), topics=["Harbours", "Trade"]
    )

    assert [section.heading for section in brief.sections] == [
        "LATEST DEVELOPMENTS",
        "EXPERT ANALYSIS",
        "Why It Took a Year Longer",
    ]
    assert brief.sections[0].paragraphs[1] == "- Two cranes work already."
    assert [(quote.person, quote.role) for quote in brief.quotes] == [
        ("Ana-Lucía Ferreira, Ph.D.", "Professor of Logistics"),
        ("Gen. (ret.) Owen O’Hara, Jr.", "Senior Adviser"),
    ]
    assert brief.related[0].authors == ("Ana-Lucía Ferreira", "Owen O’Hara, Jr.")
    assert brief.related[1].title == "Fill, Settle, Build"
    assert brief.topics == ("Harbours", "Trade")


def test_lines_broken_to_a_width_become_paragraphs_again() -> None:
    brief = read((DATA / "wrapped.txt").read_bytes())

    assert [len(section.paragraphs) for section in brief.sections] == [2, 0]
    assert brief.quotes[0].role == "Professor of Logistics"
    assert brief.doubts == ()


def test_programs_get_plain_values() -> None:
    text = SHORT + (
        "\nExpert Analysis\n\n“No.” — Jo Roe, Fellow\n\n"
        "“Why,” by Jo Roe (https://a.example/b)\n\n“How” by Al Poe\n\nIran Mars\n"
    )
    assert as_json(read(text, topics=TOPICS)) == {
        "title": "Talks Open",
        "date": "2024-04-23",
        "sections": [
            {
                "heading": "Latest Developments",
                "kind": "latest",
                "paragraphs": ["They met."],
            },
            {"heading": "Expert Analysis", "kind": "analysis", "paragraphs": []},
        ],
        "quotes": [{"text": "No.", "person": "Jo Roe", "role": "Fellow"}],
        "related": [
            {"title": "Why", "authors": ["Jo Roe"], "url": "https://a.example/b"},
            {"title": "How", "authors": ["Al Poe"]},
        ],
        "topics": ["Iran"],
        "warnings": [
            {
                "line": 17,
                "message": "no such topic: 'Mars'; add it to the topics or mend the "
                "spelling",
            }
        ],
    }


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "it is empty"),
        (" \n\t\n", "it is empty"),
        ("Talks Open\n\nThey met.", "line 1: there is no date; begin with one, as in"),
        ("\n\nTalks Open\n\nThey met.", "line 3: there is no date"),
        ("April 23, 2024\n\nLatest Developments\n\nX.", "line 3: there is no title"),
        ("April 23, 2024", "line 1: there is no title"),
        ("April 23, 2024\n\n" + "They met. " * 50, "line 3: there is no title"),
        ("February 30, 2024\n\nTalks Open", "line 1: 'February 30, 2024' is no day"),
        (b"PK\x03\x04" + bytes(100), "a Word document or an archive; save it as"),
        (b"%PDF-1.7 ...", "it is a PDF"),
        (bytes(range(256)) * 4, "it is not text"),
        (b"\xff\xfea\x00b", "broken UTF-16"),
        (b"x" * 1_000_001, "it has 1,000,001 bytes; a brief has at most 1,000,000"),
        ("é" * 600_000, "it has 1,200,000 bytes"),
        ("---\ntitle: Talks", "line 1: the front matter that begins here has no end"),
        ("---\n---\n", "line 1: there is no title; add 'title: …'"),
        ("---\ntitle: Talks\n---\n", "line 1: there is no date; add one"),
        ("---\ntitle: Talks\ndate: soon\n---\n", "line 3: 'soon' is no date"),
        (
            "---\ntitle: Talks\ndate: 2024-02-30\n---\n",
            "line 3: '2024-02-30' is no day",
        ),
        ("---\ntitle: a: b\n---\n", "line 2: mapping values are not allowed here"),
        ("---\n- a\n---\n", "line 2: here belong 'name: value' lines"),
        ("---\ntitle: [a]\n---\n", "line 2: one line of text belongs here"),
        ("---\nrelated: x\n---\n", "line 2: 'related' is a list"),
        ("---\nrelated: &a [x]\ntopics: *a\n---\n", "is an alias"),
        ("---\ntopics: " + "[" * 20_000 + "\n---\n", "line 2: this is no front matter"),
        ("---\ntitle: " + "x" * 60_000 + "\n---\n", "the front matter is too long"),
    ],
)
def test_what_cannot_be_a_brief_is_refused_with_a_remedy(
    data: bytes | str, complaint: str
) -> None:
    with pytest.raises(BriefError) as refusal:
        read(data, name="talks.txt")

    assert str(refusal.value).startswith("talks.txt: ")
    assert complaint in str(refusal.value)


@pytest.mark.parametrize("name", ["brief.txt", "brief.md"])
def test_reading_what_was_written_gives_the_same(name: str) -> None:
    brief = read((DEMO / name).read_bytes(), topics=TOPICS)

    assert read(write_markdown(brief), topics=TOPICS) == brief
