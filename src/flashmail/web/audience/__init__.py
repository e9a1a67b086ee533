"""The audience: subscribers, segments, topics, suppressions, and imports."""
