"""The web edge: readers' links, providers' events, and pages for who sits here."""
