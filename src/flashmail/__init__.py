"""flashmail delivers a policy institute's Flash Briefs by email."""

from importlib.metadata import version

__version__ = version("flashmail")
