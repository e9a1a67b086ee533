"""Writing: the briefs that are not sent yet, their versions and previews."""
