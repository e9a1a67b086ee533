"""Reading: published text or Markdown becomes a Brief, and a Brief Markdown."""

from flashmail.briefs.brief import (
    Brief,
    Doubt,
    Quote,
    Related,
    Section,
    SectionKind,
)
from flashmail.briefs.errors import BriefError
from flashmail.briefs.form import as_json
from flashmail.briefs.markdown_writer import write_markdown
from flashmail.briefs.reading import read

__all__ = [
    "Brief",
    "BriefError",
    "Doubt",
    "Quote",
    "Related",
    "Section",
    "SectionKind",
    "as_json",
    "read",
    "write_markdown",
]
