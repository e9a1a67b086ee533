"""Staff: accounts, permissions, signing in."""
