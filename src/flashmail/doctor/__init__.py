"""The doctor: can this installation send, and will its mail be believed?"""

from flashmail.doctor.checks import Installation, examine
from flashmail.findings import Check, CheckLevel

__all__ = ["Check", "CheckLevel", "Installation", "examine"]
