"""Understanding: what is going on, and what became of a campaign."""
