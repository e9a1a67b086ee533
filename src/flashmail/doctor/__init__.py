"""The doctor: can this installation send, and will its mail be believed?"""

from flashmail.doctor.checks import Patient, examine
from flashmail.findings import Check, Verdict

__all__ = ["Check", "Patient", "Verdict", "examine"]
