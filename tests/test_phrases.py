"""The file of phrases: a postmaster adds to it, and is told what is wrong."""

import pytest

from flashmail.bounces.phrases import FILE, MEANINGS, BadPhrases, read_phrases

WHOLE = FILE.read_text(encoding="utf-8")


def test_each_meaning_has_phrases_in_several_languages() -> None:
    phrases = read_phrases(WHOLE)

    assert tuple(phrases) == MEANINGS
    assert "user unknown" in phrases["gone"]
    assert "benutzer unbekannt" in phrases["gone"]


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("No Such Person", "write it as 'no such person'"),
        ("no  such person", "write it as 'no such person'"),
        ("user unknown", "stands there twice"),
        ("", "gone, phrase"),
    ],
)
def test_a_wrong_phrase_is_named(added: str, said: str) -> None:
    wrong = WHOLE.replace(
        '    "user unknown",', f'    "user unknown",\n    "{added}",', 1
    )

    with pytest.raises(BadPhrases, match=said):
        read_phrases(wrong)


def test_an_unknown_meaning_is_named() -> None:
    with pytest.raises(BadPhrases, match="asleep"):
        read_phrases(WHOLE + '\n[asleep]\nphrases = ["zzz"]\n')


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("gone = 3", "gone: write it as"),
        ('[gone]\nphrase = ["no such person"]', "gone: write it as"),
        ('[gone]\nphrases = "no such person"', "gone: its phrases are a list"),
        ("[gone]\nphrases = []", "gone: its phrases are a list"),
        ("[gone]\nphrases = [3]", r"gone, phrase 1 \(3\): write it in quotes"),
        ("[gone]\nphrases = [", "line"),
    ],
)
def test_a_table_in_the_wrong_form_is_named_with_its_file(
    table: str, said: str
) -> None:
    others = [f'[{name}]\nphrases = ["x"]' for name in MEANINGS if name != "gone"]

    with pytest.raises(BadPhrases, match=rf"phrases\.toml: .*{said}"):
        read_phrases("\n".join([table, *others]))


def test_a_missing_meaning_is_named() -> None:
    without = WHOLE[WHOLE.index("[full]") :]

    with pytest.raises(BadPhrases, match=r"phrases\.toml: gone: the tables are"):
        read_phrases(without)
