"""Writing: a brief on its way from what was pasted to what is approved."""
