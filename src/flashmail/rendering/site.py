"""Who mails are from, as templates may say it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """An installation; `base_url` has no slash at its end."""

    name: str
    postal_address: str
    base_url: str
