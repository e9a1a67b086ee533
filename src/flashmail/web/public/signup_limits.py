"""The gate before the public form: how many may ask, and when they have to prove it.

Kept in memory, by this process alone: it is there against floods, not for the account.
"""

import secrets
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import sha256

from flashmail.links import BadToken, Purpose, Tokens

#: So many requests within an hour from one network address, and from everywhere.
FROM_ONE, FROM_ALL = 10, 3_000

SPAN = timedelta(hours=1)

#: From so many within ten minutes on it is an attack, and each form has to be proved:
#: by some work for a machine, or by waiting for a person without a script.
ATTACK, ATTACK_SPAN = 60, timedelta(minutes=10)

#: Leading zero bits that a proof has; some tenths of a second in a browser.
BITS = 15

WAIT = timedelta(seconds=60)

LASTS = timedelta(hours=2)

#: Proofs that are remembered, so that each serves once.
REMEMBERED = 100_000


class SignupDecision(Enum):
    """What becomes of a request."""

    IN = "in"
    PROVE = "prove"
    LATER = "later"


@dataclass
class SignupLimiter:
    """Counts requests by address and network; forgets them after an hour."""

    tokens: Tokens
    _by_place: dict[str, deque[datetime]] = field(default_factory=dict)
    _all: deque[datetime] = field(default_factory=deque)
    _used: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(
        self, place: str, challenge: str, proof: str, *, now: datetime
    ) -> SignupDecision:
        """Say whether a visitor may ask now, and count it if so."""
        with self._lock:
            self._forget(now)
            mine = self._by_place.get(place, deque())
            if len(mine) >= FROM_ONE or len(self._all) >= FROM_ALL:
                return SignupDecision.LATER
            if self._attacked(now) and not self._proved(challenge, proof, now):
                return SignupDecision.PROVE
            self._by_place.setdefault(place, mine).append(now)
            self._all.append(now)
            return SignupDecision.IN

    def attacked(self, *, now: datetime) -> bool:
        """Whether so many ask that each has to prove it is meant."""
        with self._lock:
            return self._attacked(now)

    def challenge(self, *, now: datetime) -> str:
        """Return what a form has to prove: our own word for when it was shown."""
        seconds = int(now.timestamp())
        return self.tokens.write(Purpose.FORM, seconds, secrets.randbits(32))

    def _attacked(self, now: datetime) -> bool:
        recent = sum(at > now - ATTACK_SPAN for at in self._all)
        return recent >= ATTACK

    def _proved(self, challenge: str, proof: str, now: datetime) -> bool:
        try:
            seconds, _ = self.tokens.read(Purpose.FORM, challenge)
        except BadToken:
            return False
        age = now - datetime.fromtimestamp(seconds, UTC)
        if age > LASTS or challenge in self._used:
            return False
        if age < WAIT and not worked(challenge, proof):
            return False
        self._used[challenge] = None
        if len(self._used) > REMEMBERED:
            self._used.popitem(last=False)
        return True

    def _forget(self, now: datetime) -> None:
        while self._all and self._all[0] <= now - SPAN:
            self._all.popleft()
        for place, times in list(self._by_place.items()):
            while times and times[0] <= now - SPAN:
                times.popleft()
            if not times:
                del self._by_place[place]


def worked(challenge: str, proof: str) -> bool:
    """Whether a proof's SHA-256 with its challenge begins with enough zero bits."""
    proof_hash = sha256(f"{challenge}.{proof[:40]}".encode()).digest()
    return int.from_bytes(proof_hash[:4]) >> (32 - BITS) == 0
