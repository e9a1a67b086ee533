"""What comes back by the web: opens, clicks, and what providers report."""
