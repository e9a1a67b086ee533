"""Readers' own pages: no account, no password, a link from a mail at most."""
