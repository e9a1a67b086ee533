"""Who said it: the line that closes a quote."""

import re
from typing import NamedTuple

from flashmail.briefs import marks, names

#: One dash, as typed or as typeset; a plain hyphen only before a space.
DASH = r"(?:[—―–‒−]+|-{2,3}|-(?=\s))"
LEADING_DASH = re.compile(DASH + r"\s*")

#: Nobody's name and role are longer.
LONGEST = 250

AFTER_MARK = re.compile(rf"(?<=[{marks.MARKS}’'])\s?(?P<dash>{DASH})\s?")
AFTER_SENTENCE = re.compile(rf"(?:(?<=[.!?…,])\s?|\s)(?P<dash>{DASH})\s?")
WITHOUT_DASH = re.compile(rf"[{marks.MARKS}]\s")

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
    """A paragraph cut in two: what was said, and by whom."""

    words: str
    signature: Signature


def read_signature(text: str) -> Signature:
    """Read 'Person, Role', 'Person | Role', or several 'Person, Role' with ';'."""
    if piped := PIPED.fullmatch(text):
        person, role = (ESCAPED.sub(r"\1", part).strip() for part in piped.groups())
        return Signature(person, role)
    signatures = [names.split_role(part) for part in text.split(";")]
    if len(signatures) > 1 and all(names.is_person(person) for person, _ in signatures):
        return _together(signatures)
    person, role = names.split_role(text)
    doubt = f"'{person}' is kept as one name" if names.several(person) else ""
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


def _plausible(who: str, *, sure: bool) -> Signature | None:
    """Return the signature if this may be one; unless `sure`, it needs a role."""
    if not 0 < len(who) <= LONGEST or marks.opens(who):
        return None
    person, role, doubt = read_signature(FULL_STOP.sub("", who))
    if not names.is_person(person) or (role[:1].islower() and role[-1:] in ".!?"):
        return None
    if not sure and (not role or len(person.split()) < 2):
        return None
    return Signature(person, role, doubt)


def _together(signatures: list[tuple[str, str]]) -> Signature:
    persons = [person for person, _ in signatures]
    roles = dict.fromkeys(role for _, role in signatures if role)
    person = f"{', '.join(persons[:-1])} and {persons[-1]}"
    return Signature(person, "; ".join(roles), f"'{person}' share one quote")
