"""People as briefs name them: what is a name, and where it ends."""

import re

#: What follows a comma and still belongs to the name.
SUFFIX = re.compile(
    r"(?:jr|sr|i{2,3}|iv|ph\.? ?d|d\.?phil|m\.?d|j\.?d|ll\.?m|esq|esquire|m\.?b\.?a"
    r"|c\.?p\.?a|m\.?p|o\.?b\.?e|c\.?b\.?e)\.?"
    r"|(?:u\.?s\.?(?:a|n|af|mc|cg)?\.? )?\(?ret(?:ired)?\.?\)?",
    re.IGNORECASE,
)

SMALL_WORDS = (
    "al an and ap bin bint ben da das de dei del della den der di do dos du e el ibn "
    "la le los of ret retired san ter the van von y zu"
)

#: Words inside a name that are written small.
PARTICLES = frozenset(SMALL_WORDS.split())
SMALL_BEGINNING = re.compile(r"(?:al|el|as|ar|ad|bin|ibn|d|l|t)[-‑’'ʼ]", re.IGNORECASE)

BETWEEN = re.compile(r"\s*[;&]\s*(?:and\s+)?|,?\s+and\s+|\s*,\s*", re.IGNORECASE)
TOGETHER = re.compile(r"\s(?:and|&)\s", re.IGNORECASE)

PERSON_WORDS = 10


def split_role(text: str) -> tuple[str, str]:
    """Cut 'Person, Role' at the first comma that is not before a suffix.

    Without a comma a dash with spaces cuts as well.
    """
    parts = text.split(",")
    if len(parts) == 1:
        person, _, role = re.sub(r" (?:[—–―‒]|--?) ", "\0", text, count=1).partition(
            "\0"
        )
        return person.strip(), role.strip()
    end = 1
    while end < len(parts) and SUFFIX.fullmatch(parts[end].strip()):
        end += 1
    return ",".join(parts[:end]).strip(), ",".join(parts[end:]).strip()


def is_person(text: str) -> bool:
    """Say whether a text may be a name: words that are written large, and few."""
    words = text.split()
    if not 0 < len(words) <= PERSON_WORDS or not any(map(str.isalpha, text)):
        return False
    return all(_may_be_in_a_name(word) for word in words)


def people(text: str) -> tuple[str, ...]:
    """Return the names in 'A, B and C'; a suffix stays with its name."""
    names: list[str] = []
    for part in BETWEEN.split(text):
        if names and SUFFIX.fullmatch(part):
            names[-1] = f"{names[-1]}, {part}"
        elif part:
            names.append(part)
    return tuple(names)


def several(text: str) -> bool:
    """Say whether a person is more than one."""
    return bool(TOGETHER.search(text))


def _may_be_in_a_name(word: str) -> bool:
    bare = word.strip("()[]{}.,;:“”‘’\"'&")
    if bare[:1].islower():
        return bare.casefold() in PARTICLES or bool(SMALL_BEGINNING.match(bare))
    return not any(mark in word for mark in "!?…")
