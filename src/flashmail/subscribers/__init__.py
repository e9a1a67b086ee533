"""The people on the list."""
