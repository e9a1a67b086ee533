"""Before a campaign is sent: preflight, dry run, approval, and mending it later."""
