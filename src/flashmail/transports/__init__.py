"""Carry: a message and its recipients go out, one receipt each comes back."""

from flashmail.transports.base import (
    Arm,
    Fenced,
    Listener,
    Outcome,
    Receipt,
    Recipient,
    SenderProblem,
    Transport,
)

__all__ = [
    "Arm",
    "Fenced",
    "Listener",
    "Outcome",
    "Receipt",
    "Recipient",
    "SenderProblem",
    "Transport",
]
