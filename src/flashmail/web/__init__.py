"""The web edge: readers' links, providers' events, and the newsroom's pages."""
