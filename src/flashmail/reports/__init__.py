"""Tell: a campaign in numbers, and delivery by delivery."""
