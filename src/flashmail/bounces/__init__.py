"""Mail that comes back: bounces, complaints and what only looks like them.

Reading is pure and believes nothing; `believe` holds what was read against a signed
token and the table before anything follows from it.
"""

from flashmail.bounces.reader import read_bounce
from flashmail.bounces.verdict import BounceKind, ParsedBounce

__all__ = ["BounceKind", "ParsedBounce", "read_bounce"]
