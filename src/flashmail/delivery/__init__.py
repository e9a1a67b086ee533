"""The engine: a campaign's mails are queued, claimed, handed over and accounted for."""
