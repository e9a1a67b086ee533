"""Before a campaign is sent: preflight, rehearsal, approval, and mending it later."""
