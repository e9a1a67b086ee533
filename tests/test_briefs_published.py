"""Published text: the shapes that real briefs have, and what is made of them."""

import pytest

from flashmail.briefs import Brief, Quote, Related, read

TOPICS = ["Iran", "Iran Politics and Economy", "Iran Global Threat Network", "Pakistan"]
HEAD = "April 23, 2024 | Flash Brief\n\nTalks Open in the Capital\n\n"
LATEST = "Latest Developments\n\nThe two sides met on Monday.\n\n"
ANALYSIS = "Expert Analysis\n\n"
LONG = "They had met twice before, in 2019 and in 2021, without a result to speak of."
FELLOW = ("Jo Roe", "Senior Fellow")


def published(body: str) -> Brief:
    return read(HEAD + LATEST + body, topics=TOPICS)


def analysis(body: str) -> Brief:
    return published(ANALYSIS + body)


def messages(brief: Brief) -> str:
    return "\n".join(f"{doubt.line}: {doubt.message}" for doubt in brief.doubts)


@pytest.mark.parametrize(
    "head",
    [
        "April 23, 2024 | Flash Brief\n\nTalks Open\n\n",
        "April 23, 2024 | Flash Brief\nTalks Open\n" * 2,
        "Talks Open\n\nApril 23, 2024\n\n",
        "Talks Open\n\nTALKS OPEN\n\nApril 23, 2024 | FDD Flash Brief\n\n",
        "Flash Brief\n\nTuesday, April 23rd, 2024\n\nTalks Open\n\n",
        "\ufeff  April\u00a023,  2024\u200b | Flash Brief \n\n\u200b\n# Talks  Open\n",
        "Flash Brief | Apr. 23, 2024\n\nTalks Open\n\n",
        "Published: 23 April 2024\n\nTalks Open\n\n",
        "2024-04-23 · Flash Brief\n\nTalks Open\n\n",
    ],
)
def test_a_head_may_be_written_in_many_ways(head: str) -> None:
    brief = read(head + LATEST)

    assert (brief.title.casefold(), str(brief.date)) == ("talks open", "2024-04-23")
    assert brief.sections[0].paragraphs == ("The two sides met on Monday.",)
    assert brief.doubts == ()


@pytest.mark.parametrize(
    ("head", "doubt"),
    [
        ("04/05/2024\nTalks Open\n", "1: 04/05/2024 was read as 2024-04-05"),
        ("Monday, April 23, 2024\nTalks Open\n", "1: 2024-04-23 was a Tuesday"),
        ("May 1, 2024\nTalks Open\nMay 2, 2024\n", "3: another date, 'May 2, 2024'"),
        ("May 1, 2024 | By Jo\nTalks Open\n", "1: left out beside the date: 'By Jo'"),
    ],
)
def test_what_is_odd_in_the_head_is_said(head: str, doubt: str) -> None:
    assert doubt in messages(read(head + LATEST))


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("LATEST DEVELOPMENTS", "latest"),
        ("Latest Developments:", "latest"),
        ("**Latest developments**", "latest"),
        ("## Expert Analysis", "analysis"),
        ("\u200eExpert\u00a0Analysis", "analysis"),
        ("Background", "background"),
        ("What Comes Next?", "background"),
        ("“Snapback” in Short", "background"),
        ("2025: A Year of Talks", "background"),
    ],
)
def test_headings_are_recognised(heading: str, kind: str) -> None:
    section = published(f"{heading}\n\n{LONG}\n").sections[-1]

    assert (section.kind.value, section.paragraphs) == (kind, (LONG,))


@pytest.mark.parametrize(
    "line",
    [
        "The talks failed.",
        "and then they left",
        "They said: “No”",
        "Two things matter:",
        "- An item",
    ],
)
def test_short_paragraphs_are_no_headings(line: str) -> None:
    brief = published(f"{line}\n\n{LONG}\n")

    assert brief.sections[0].paragraphs[1:] == (line, LONG)


def test_a_heading_may_share_its_line_with_the_text() -> None:
    brief = read(f"{HEAD}Latest Developments: The two sides met.\n{LONG}\n")

    assert brief.sections[0].heading == "Latest Developments"
    assert brief.sections[0].paragraphs == ("The two sides met.", LONG)


def test_text_without_a_heading_is_the_latest() -> None:
    brief = read(f"{HEAD}{LONG}\n")

    assert [section.kind.value for section in brief.sections] == ["latest"]
    assert "5: no heading stands above this" in messages(brief)


def test_a_subtitle_is_kept_with_the_latest() -> None:
    brief = read(f"{HEAD}A Third Attempt\n\n{LATEST}")

    assert [section.heading for section in brief.sections] == ["Latest Developments"]
    assert brief.sections[0].paragraphs[0] == "A Third Attempt"


@pytest.mark.parametrize(
    "body", ["", ANALYSIS, f"Background\n\n{LONG}", "Iran Pakistan"]
)
def test_any_part_may_be_missing(body: str) -> None:
    brief = published(body)

    assert brief.sections[0].paragraphs == ("The two sides met on Monday.",)
    assert brief.doubts == ()


def test_a_title_alone_is_a_brief_with_a_doubt() -> None:
    assert messages(read(HEAD)) == "0: there is nothing below the title"


@pytest.mark.parametrize(
    "quote",
    [
        "“It is early.” — Jo Roe, Senior Fellow",
        "“It is early.”—Jo Roe, Senior Fellow",
        "“It is early.” – Jo Roe, Senior Fellow",
        "“It is early.” ― Jo Roe, Senior Fellow",
        "“It is early.” - Jo Roe, Senior Fellow",
        "“It is early.” -- Jo Roe, Senior Fellow",
        "“It is early.” --- Jo Roe, Senior Fellow.",
        '"It is early." -- Jo Roe, Senior Fellow',
        "”It is early.” — Jo Roe, Senior Fellow",
        "„It is early.“ — Jo Roe, Senior Fellow",
        "« It is early. » — Jo Roe, Senior Fellow",
        "‘It is early.’ — Jo Roe, Senior Fellow",
        "It is early.” — Jo Roe, Senior Fellow",
        "“It is early. — Jo Roe, Senior Fellow",
        "It is early. — Jo Roe, Senior Fellow",
        "“It is early.” Jo Roe, Senior Fellow",
        "“It is early.”\n\n— Jo Roe, Senior Fellow",
        "“It is early.”\n- Jo Roe, Senior Fellow",
        "“It is early.\n— Jo Roe, Senior Fellow",
        "It is early.\n\n-- Jo Roe, Senior Fellow",
        "• “It is early.” — Jo Roe, Senior Fellow",
        "“It is early.” — Jo Roe | Senior Fellow",
        "“It is early.” — Jo Roe – Senior Fellow",
    ],
)
def test_quotes_are_closed_by_a_name_in_many_ways(quote: str) -> None:
    brief = analysis(f"{quote}\n\n“Too early.” — Al Poe, Fellow\n")

    assert brief.quotes == (
        Quote("It is early.", *FELLOW),
        Quote("Too early.", "Al Poe", "Fellow"),
    )
    assert brief.sections[1].paragraphs == ()
    assert brief.doubts == ()


def test_a_name_below_a_quote_needs_no_dash_but_is_doubted() -> None:
    brief = analysis(
        "“It is early.”\n\nJo Roe, Senior Fellow\n\n“No.” — Al Poe, Dean\n"
    )

    assert [quote.person for quote in brief.quotes] == ["Jo Roe", "Al Poe"]
    assert "13: no dash before 'Jo Roe, Senior Fellow'" in messages(brief)


@pytest.mark.parametrize(
    ("signature", "person", "role"),
    [
        ("Jo Roe", "Jo Roe", ""),
        ("Jo Roe, Fellow, Energy Press", "Jo Roe", "Fellow, Energy Press"),
        ("Jo Roe, Jr., Fellow", "Jo Roe, Jr.", "Fellow"),
        ("Jo Roe, PhD, M.D.", "Jo Roe, PhD, M.D.", ""),
        ("Jo Roe III, Fellow", "Jo Roe III", "Fellow"),
        ("Jo Roe, Esq., Fellow", "Jo Roe, Esq.", "Fellow"),
        ("Dr. Jo Roe, Dean", "Dr. Jo Roe", "Dean"),
        ("Gen. (ret.) Jo Roe, Fellow", "Gen. (ret.) Jo Roe", "Fellow"),
        ("RADM (Ret.) Jo Roe, Fellow", "RADM (Ret.) Jo Roe", "Fellow"),
        ("Jo Roe, USN (Ret.), Fellow", "Jo Roe, USN (Ret.)", "Fellow"),
        ("Zoë d’Arc-Łoś, fellow", "Zoë d’Arc-Łoś", "fellow"),
        ("Hamid al-Din bin Said, Fellow", "Hamid al-Din bin Said", "Fellow"),
        ("سارا احمدی, Fellow", "سارا احمدی", "Fellow"),
        ("Jo Roe, Chair of the “Gulf” Press", "Jo Roe", "Chair of the “Gulf” Press"),
    ],
)
def test_person_and_role_are_told_apart(signature: str, person: str, role: str) -> None:
    assert analysis(f"“It is early.” — {signature}\n").quotes == (
        Quote("It is early.", person, role),
    )


@pytest.mark.parametrize(
    ("signature", "person", "role"),
    [
        ("Jo Roe and Al Poe, Fellows", "Jo Roe and Al Poe", "Fellows"),
        ("Jo Roe, Dean; Al Poe, Fellow", "Jo Roe and Al Poe", "Dean; Fellow"),
        ("Jo Roe; Al Poe; Cy Coe, Fellow", "Jo Roe, Al Poe and Cy Coe", "Fellow"),
    ],
)
def test_people_who_share_a_quote_stay_together(
    signature: str, person: str, role: str
) -> None:
    brief = analysis(f"“It is early.” — {signature}\n")

    assert brief.quotes == (Quote("It is early.", person, role),)
    assert f"11: {person!r}" in messages(brief)


@pytest.mark.parametrize(
    "paragraphs",
    [
        "“It is early.\n\n“It is also late.”",
        "“It is early.\n\nIt is also late.”",
        '"It is early.\n\n"It is also late."',
    ],
)
def test_a_quote_may_have_several_paragraphs(paragraphs: str) -> None:
    brief = analysis(f"{paragraphs} — Jo Roe, Senior Fellow\n")

    assert brief.quotes == (Quote("It is early.\n\nIt is also late.", *FELLOW),)
    assert brief.doubts == ()


def test_a_quote_without_a_name_is_not_given_to_the_next_person() -> None:
    brief = analysis("“It is early.”\n\n“It is late.” — Jo Roe, Senior Fellow\n")

    assert brief.quotes == (Quote("It is late.", *FELLOW),)
    assert brief.sections[1].paragraphs == ("“It is early.”",)
    assert "11: a quote without a name" in messages(brief)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("“He said ‘no’ twice.”", "He said ‘no’ twice."),
        ("“He said “no” twice.”", "He said “no” twice."),
        ("“‘No’ is no answer.”", "‘No’ is no answer."),
        ("“““No” is no answer.”", "““No” is no answer."),
        ('"He said "no" twice."', 'He said "no" twice.'),
        ("“No,” he said, “not now.”", "“No,” he said, “not now.”"),
        ("“A “red line” is drawn — again.”", "A “red line” is drawn — again."),
    ],
)
def test_only_the_outer_marks_go(text: str, words: str) -> None:
    assert analysis(f"{text} — Jo Roe, Senior Fellow\n").quotes[0].text == words


@pytest.mark.parametrize(
    "paragraph",
    [
        "“We will come back,” the minister said on Monday.",
        "“We will come back.”",
        "“We will come back” — which they had refused before.",
        "“We will come back” — It was the first such word, he added.",
        "The minister said: “We will come back.” — Then he left the room at once.",
    ],
)
def test_words_quoted_in_the_news_stay_there(paragraph: str) -> None:
    brief = published(f"{paragraph}\n\n{ANALYSIS}“No.” — Jo Roe, Senior Fellow\n")

    assert brief.sections[0].paragraphs[1:] == (paragraph,)
    assert [quote.text for quote in brief.quotes] == ["No."]


def test_signed_quotes_get_a_section_of_their_own() -> None:
    brief = published("“It is early.” — Jo Roe, Senior Fellow\n")

    assert [section.kind.value for section in brief.sections] == ["latest", "analysis"]
    assert "0: no heading 'Expert Analysis' above the quotes" in messages(brief)


@pytest.mark.parametrize(
    "mark", ["• ", "•", "•\t", "- ", "* ", "+ ", "– ", "· ", "1. ", "2) "]
)
def test_items_of_a_list_are_marked_alike(mark: str) -> None:
    brief = published(f"{mark}Open the gate.\n{mark}Close the gate.\n\n{LONG}\n")

    assert brief.sections[0].paragraphs[1:3] == (
        "- Open the gate.",
        "- Close the gate.",
    )


@pytest.mark.parametrize(
    ("line", "title", "authors"),
    [
        ("A New Front?” by Jo Roe", "A New Front?", ("Jo Roe",)),
        ("“A New Front,” by Jo Roe", "A New Front", ("Jo Roe",)),
        ("“A New Front”, by Jo Roe", "A New Front", ("Jo Roe",)),
        ("“A New Front, by Jo Roe", "A New Front", ("Jo Roe",)),
        ('"A New Front!" By Jo Roe', "A New Front!", ("Jo Roe",)),
        ('A New Front," by Jo Roe', "A New Front", ("Jo Roe",)),
        ("A New Front by Jo Roe", "A New Front", ("Jo Roe",)),
        ("- “A New Front” by Jo Roe", "A New Front", ("Jo Roe",)),
        ("“A New Front”", "A New Front", ()),
        ("“A ‘New’ Front” by Jo Roe", "A ‘New’ Front", ("Jo Roe",)),
        ("“New” Fronts,” by Jo Roe", "“New” Fronts", ("Jo Roe",)),
        ("“Stand by Me,” by Jo Roe", "Stand by Me", ("Jo Roe",)),
        ("“A Front” by Jo Roe and Al Poe", "A Front", ("Jo Roe", "Al Poe")),
        ("“A Front” by Jo Roe & Al Poe", "A Front", ("Jo Roe", "Al Poe")),
        ("“A” by Jo Roe, Al Poe, and Cy Coe", "A", ("Jo Roe", "Al Poe", "Cy Coe")),
        ("“A Front” by Jo Roe, Jr. and Al Poe", "A Front", ("Jo Roe, Jr.", "Al Poe")),
        ("“A Front” by Séan O’Dea-Núñez", "A Front", ("Séan O’Dea-Núñez",)),
    ],
)
def test_related_reading_has_a_title_and_authors(
    line: str, title: str, authors: tuple[str, ...]
) -> None:
    brief = published(f"Background\n\n{LONG}\n\n{line}\n\nIran Pakistan\n")

    assert brief.related == (Related(title, authors),)
    assert (brief.topics, brief.doubts) == (("Iran", "Pakistan"), ())


@pytest.mark.parametrize(
    "line",
    [
        "“A Front” by Jo Roe https://a.example/x",
        "“A Front” by Jo Roe (https://a.example/x)",
        "[“A Front”](https://a.example/x) by Jo Roe",
        "“[A Front](https://a.example/x),” by Jo Roe",
    ],
)
def test_related_reading_may_have_an_address(line: str) -> None:
    assert published(line).related == (
        Related("A Front", ("Jo Roe",), "https://a.example/x"),
    )


def test_all_below_a_heading_for_related_reading_is_related() -> None:
    brief = published("Related Analysis:\nFences and Gates\n“Gates” by Jo Roe\nIran\n")

    assert [related.title for related in brief.related] == ["Fences and Gates", "Gates"]
    assert brief.topics == ("Iran",)


@pytest.mark.parametrize(
    ("line", "topics"),
    [
        (
            "Iran Iran Politics and Economy Pakistan",
            "Iran|Iran Politics and Economy|Pakistan",
        ),
        ("Pakistan Iran Iran Pakistan", "Pakistan|Iran"),
        ("iran politics & economy  PAKISTAN", "Iran Politics and Economy|Pakistan"),
        (
            "Iran, Iran Politics and Economy, Pakistan",
            "Iran|Iran Politics and Economy|Pakistan",
        ),
        ("Iran; Pakistan", "Iran|Pakistan"),
        (
            "Pakistan | Iran Global Threat Network",
            "Pakistan|Iran Global Threat Network",
        ),
        ("Topics: Iran Pakistan", "Iran|Pakistan"),
        ("Tags: Iran, Pakistan", "Iran|Pakistan"),
        ("ISSUES:\nIran · Pakistan", "Iran|Pakistan"),
        ("Iran\nPakistan", "Iran|Pakistan"),
    ],
)
def test_a_run_of_tags_is_cut_by_the_longest_names(line: str, topics: str) -> None:
    brief = published(f"Background\n\n{LONG}\n\n\n\n{line}\n")

    assert brief.topics == tuple(topics.split("|"))
    assert brief.sections[-1].paragraphs == (LONG,)
    assert brief.doubts == ()


@pytest.mark.parametrize(
    ("line", "topics", "unknown"),
    [
        ("Iran Mars Pakistan", ("Iran", "Pakistan"), ["Mars"]),
        ("Mars Iran Sanctions and Trade", ("Iran",), ["Mars", "Sanctions and Trade"]),
        ("Iran, Iran Affairs, Pakistan", ("Iran", "Pakistan"), ["Iran Affairs"]),
        ("Mars Venus", (), ["Mars Venus"]),
        ("Tags: Mars; Venus", (), ["Mars", "Venus"]),
    ],
)
def test_unknown_tags_are_never_lost(
    line: str, topics: tuple[str, ...], unknown: list[str]
) -> None:
    brief = published(f"Background\n\n{LONG}\n\n{line}\n")

    assert brief.topics == topics
    assert [doubt.message.split("'")[1] for doubt in brief.doubts] == unknown


def test_without_known_topics_a_run_is_left_whole_and_reported() -> None:
    brief = read(
        f"{HEAD}{LATEST}“A Front” by Jo Roe\n\nIran Iran Global Threat Network\n"
    )

    assert brief.topics == ()
    assert "none are given: 'Iran Iran Global Threat Network'" in messages(brief)


def test_a_word_about_the_publisher_may_follow_the_tags() -> None:
    brief = published(f"“A Front” by Jo Roe\n\nIran Pakistan\n\n{LONG}\n")

    assert brief.topics == ("Iran", "Pakistan")
    assert brief.sections[0].paragraphs[1:] == (LONG,)


@pytest.mark.parametrize(
    "ending",
    [
        "Iran and Pakistan have met before.",
        "Iran once fought with Pakistan",
        "Topics: what Iran wants is not clear.",
        "“Iran, Pakistan,” the minister said.",
    ],
)
def test_an_ending_paragraph_is_not_taken_for_tags(ending: str) -> None:
    brief = published(ending)

    assert brief.sections[0].paragraphs[1:] == (ending,)
    assert brief.topics == ()
