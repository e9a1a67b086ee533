"""Who sits here: signing in, one's account, the others, and the log of it all."""
