"""Choose: rosters become subscribers, and a segment of them becomes an audience."""
