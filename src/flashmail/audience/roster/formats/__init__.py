"""Exports of other programs: one file each, with their columns and words, and ours.

A file is recognised by its columns. To add a provider: a file with a `FORMAT`, a line
here, an example in tests/test_roster_formats.py.
"""

from collections.abc import Collection

from flashmail.audience.roster.formats import (
    constant_contact,
    ghost,
    keila,
    listmonk,
    mailchimp,
    plain,
    substack,
)
from flashmail.audience.roster.formats.form import ProviderFormat, Status

FORMATS = (
    mailchimp.MAILCHIMP,
    substack.SUBSTACK,
    ghost.GHOST,
    constant_contact.CONSTANT_CONTACT,
    listmonk.LISTMONK,
    keila.KEILA,
)

PLAIN = plain.PLAIN_ROSTER


def recognise(names: Collection[str]) -> ProviderFormat:
    """Return whose export has columns of these names; a plain roster's else."""
    present = frozenset(names)
    for each in FORMATS:
        if any(signs <= present for signs in each.signs):
            return each
    return PLAIN


__all__ = ["FORMATS", "PLAIN", "ProviderFormat", "Status", "recognise"]
