"""Sending: approving, the moment, what goes out, and how it is stopped."""
