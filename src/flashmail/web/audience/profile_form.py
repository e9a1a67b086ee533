"""The form of a profile: topics and attributes come as fields of their own."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData

from flashmail.audience.change import Profile

#: Fields are called topic:NAME, attribute:NAME; an attribute that is new comes as two.
TOPIC, ATTRIBUTE = "topic:", "attribute:"


def profile_of(form: FormData) -> Profile:
    """Return what a form says of a person; an empty frequency follows no longer."""
    fields = {name: str(value).strip() for name, value in form.multi_items()}
    attributes = _named(fields, ATTRIBUTE)
    if new := fields.get("new_attribute", ""):
        attributes[new] = fields.get("new_value", "")
    return Profile(
        name=fields.get("name", ""),
        time_zone=fields.get("time_zone", ""),
        language=fields.get("language", ""),
        topics=_named(fields, TOPIC),
        attributes=attributes,
    )


def _named(fields: dict[str, str], prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value
        for name, value in fields.items()
        if name.startswith(prefix) and value
    }


async def _profile(request: Request) -> Profile:
    return profile_of(await request.form(max_files=0, max_fields=1000))


#: What the form of a request says of a person.
WantedProfile = Annotated[Profile, Depends(_profile)]
