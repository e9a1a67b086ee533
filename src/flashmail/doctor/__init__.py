"""The doctor: can this installation send, and will its mail be believed?"""

from flashmail.doctor.check import Check, Verdict
from flashmail.doctor.examine import Patient, examine

__all__ = ["Check", "Patient", "Verdict", "examine"]
