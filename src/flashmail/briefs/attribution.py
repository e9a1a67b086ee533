"""The attribution of a quote: the line that closes it."""

import re
from itertools import accumulate
from typing import NamedTuple

from flashmail.briefs.brief import Related

OPENING = "“„«‟"

CLOSING = "”»"

EITHER = '"＂'

MARKS = OPENING + CLOSING + EITHER

SINGLE_OPENING = "‘'"

SINGLE_CLOSING = "’'"


def turns(text: str) -> list[int]:
    """Return 1 where a mark opens, -1 where one closes, 0 elsewhere.

    At the very beginning any mark opens and at the very end any mark closes, for
    people and programs mix them up; between them a straight one opens after a space.
    """
    return [_turn(text, index) for index in range(len(text))]


def _turn(text: str, index: int) -> int:
    char = text[index]
    if char not in MARKS:
        return 0
    if index == 0 or index == len(text) - 1:
        return 1 if index == 0 else -1
    if char in EITHER:
        return 1 if text[index - 1] in " ([—–-" else -1
    return 1 if char in OPENING else -1


def opens(text: str) -> bool:
    """Say whether a text begins as something quoted."""
    return text[:1] in (*MARKS, "‘")


def closes(text: str) -> bool:
    """Say whether a text ends as something quoted."""
    return text[-1:] in (*MARKS, "’")


def left_open(text: str) -> bool:
    """Say whether more is opened than closed."""
    return sum(turns(text)) > 0


def bare(text: str) -> str:
    """Return the text without its outer marks; an inner pair stays.

    One outer mark may be missing: a lonely one goes, too.
    """
    begins, ends = text[:1] in tuple(MARKS), text[-1:] in tuple(MARKS)
    if not begins and not ends:
        return _bare_of_single(text)
    depths = list(accumulate(turns(text)))
    one_pair = all(depth > 0 for depth in depths[:-1])
    if begins and ends and one_pair:
        return text[1:-1].strip()
    if ends and depths[-1] < 0:
        return text[:-1].strip()
    if begins and depths[-1] > 0:
        return text[1:].strip()
    return text


def _bare_of_single(text: str) -> str:
    begins, ends = text[:1] in tuple(SINGLE_OPENING), text[-1:] in tuple(SINGLE_CLOSING)
    return text[1:-1].strip() if begins and ends and len(text) > 2 else text


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


#: No title with its authors is longer.
LONGEST_RELATED = 500

LONGEST_TITLE = 200

#: "Jr." ends a name; a longer word with a full stop ends a sentence.
LONGEST_ABBREVIATION = 4

LINKED = re.compile(r"\[(?P<text>[^\[\]]+)\]\((?P<url>https?://[^\s()]+)\)")

ADDRESS = re.compile(r"\s?[(<]?(?P<url>https?://[^\s<>()]+)[)>]?$", re.IGNORECASE)

BY_AFTER_MARK = re.compile(rf"[{MARKS}’']\s?,?\s?by:?\s", re.IGNORECASE)

BY = re.compile(r"(?:,\s?|\s)by:?\s", re.IGNORECASE)


def read_related(text: str, *, strict: bool) -> Related | None:
    """Read 'Title” by Author', or return None if the line is nothing like it.

    Strict is what stands anywhere: a quote mark, 'by', and names. Else the mark may be
    missing, and so may 'by' where the whole line is quoted or links somewhere.
    """
    if len(text) > LONGEST_RELATED:
        return None
    line, url = _without_address(text)
    for pattern in (BY_AFTER_MARK,) if strict else (BY_AFTER_MARK, BY):
        if found := _cut_title_at(pattern, line, url):
            return found
    return None if strict else _without_authors(line, url)


def clean_title(text: str) -> str:
    """Return a title without quotes around it or a comma after it."""
    title = text.strip().rstrip(",").strip()
    if title[-1:] in ("’", "'") and title[:1] not in ("‘", "'"):
        return title
    return bare(title).rstrip(",").strip()


def _cut_title_at(pattern: re.Pattern[str], line: str, url: str) -> Related | None:
    for match in reversed(list(pattern.finditer(line))):
        authors = people(line[match.end() :])
        title = clean_title(line[: match.start() + 1])
        if title and _are_authors(authors):
            return Related(title, authors, url)
    return None


def _are_authors(authors: tuple[str, ...]) -> bool:
    """Say whether these are people, and not the end of a sentence."""
    last = authors[-1].split()[-1] if authors else ""
    sentence = last.endswith(".") and len(last) > LONGEST_ABBREVIATION
    return bool(authors) and not sentence and all(map(is_person, authors))


def _without_authors(line: str, url: str) -> Related | None:
    """Read what is quoted, or linked, as a whole; a sentence is something else."""
    title = clean_title(line)
    quoted = opens(line) and closes(line) and title
    if not (quoted or url) or len(line) > LONGEST_TITLE or title.endswith("."):
        return None
    return Related(title or url, (), url)


def _without_address(text: str) -> tuple[str, str]:
    if linked := LINKED.search(text):
        line = text[: linked.start()] + linked["text"] + text[linked.end() :]
        return line, linked["url"]
    if address := ADDRESS.search(text):
        return text[: address.start()].rstrip(), address["url"]
    return text, ""


#: One dash, as typed or as typeset; a plain hyphen only before a space.
DASH = r"(?:[—―–‒−]+|-{2,3}|-(?=\s))"

LEADING_DASH = re.compile(DASH + r"\s*")

#: Nobody's name and role are longer.
LONGEST = 250

AFTER_MARK = re.compile(rf"(?<=[{MARKS}’'])\s?(?P<dash>{DASH})\s?")

AFTER_SENTENCE = re.compile(rf"(?:(?<=[.!?…,])\s?|\s)(?P<dash>{DASH})\s?")

WITHOUT_DASH = re.compile(rf"[{MARKS}]\s")

PIPED = re.compile(r"((?:\\.|[^\\|])*)\|((?:\\.|[^\\|])*)")

ESCAPED = re.compile(r"\\(.)")

NEEDS_ESCAPE = re.compile(r"([\\|])")

#: A role's full stop that only ends the line, not an abbreviation.
FULL_STOP = re.compile(r"(?<=[a-z]{5})\.$")


class Signature(NamedTuple):
    """Person and role, and what is doubtful about them, if anything."""

    person: str
    role: str = ""
    doubt: str = ""


class Signed(NamedTuple):
    """A paragraph cut in two: the quote, and its attribution."""

    words: str
    signature: Signature


def read_signature(text: str) -> Signature:
    """Read 'Person, Role', 'Person | Role', or several 'Person, Role' with ';'."""
    if piped := PIPED.fullmatch(text):
        person, role = (ESCAPED.sub(r"\1", part).strip() for part in piped.groups())
        return Signature(person, role)
    signatures = [split_role(part) for part in text.split(";")]
    if len(signatures) > 1 and all(is_person(person) for person, _ in signatures):
        return _together(signatures)
    person, role = split_role(text)
    doubt = f"'{person}' is kept as one name" if several(person) else ""
    return Signature(person, role, doubt)


def write_signature(person: str, role: str) -> str:
    """Write so that reading gives the same; 'Person, Role' wherever that does."""
    plain = f"{person}, {role}" if role else person
    if read_signature(plain)[:2] == (person, role):
        return plain
    parts = (NEEDS_ESCAPE.sub(r"\\\1", part) for part in (person, role))
    return " | ".join(parts).strip()


def own_line(text: str, *, dash: bool = True) -> Signature | None:
    """Return the signature that a whole line is: behind a dash, or 'Person, Role'."""
    leading = LEADING_DASH.match(text)
    if bool(leading) is not dash:
        return None
    who = text[leading.end() :] if leading else text
    return _plausible(who, sure=dash)


def cut(text: str, *, quoted: bool) -> Signed | None:
    """Cut off the signature that ends a paragraph.

    After a quote mark and a dash one is clear; in what is surely a quote (`quoted`)
    the mark or the dash may be missing.
    """
    found = _cut_at(AFTER_MARK, text, sure=True)
    if found or not quoted:
        return found
    return _cut_at(AFTER_SENTENCE, text) or _cut_at(WITHOUT_DASH, text)


def _cut_at(
    pattern: re.Pattern[str], text: str, *, sure: bool = False
) -> Signed | None:
    start = max(0, len(text) - LONGEST)
    for match in reversed(list(pattern.finditer(text, start))):
        signature = _plausible(text[match.end() :], sure=sure)
        if signature:
            dashed = "dash" in pattern.groupindex
            end = match.start("dash") if dashed else match.end()
            return Signed(text[:end].rstrip(), signature)
    return None


def _plausible(by: str, *, sure: bool) -> Signature | None:
    """Return the signature if this may be one; unless `sure`, it needs a role."""
    if not 0 < len(by) <= LONGEST or opens(by):
        return None
    person, role, doubt = read_signature(FULL_STOP.sub("", by))
    if not is_person(person) or (role[:1].islower() and role[-1:] in ".!?"):
        return None
    if not sure and (not role or len(person.split()) < 2):
        return None
    return Signature(person, role, doubt)


def _together(signatures: list[tuple[str, str]]) -> Signature:
    persons = [person for person, _ in signatures]
    roles = dict.fromkeys(role for _, role in signatures if role)
    person = f"{', '.join(persons[:-1])} and {persons[-1]}"
    return Signature(person, "; ".join(roles), f"'{person}' share one quote")
