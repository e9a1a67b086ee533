"""What is known of a provider's export."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flashmail.model import SubscriberStatus

#: A status in our words; empty where theirs says no more than "gets mail". Nobody who
#: asked us for a rest is woken by that.
Status = SubscriberStatus | None


@dataclass(frozen=True)
class ProviderFormat:
    """How a provider writes people down. All names are as `columns.plain_name` has
    them: in lower case, with low lines for spaces.

    `signs` are columns that, all together, give an export away. `fields` says what of
    ours a column holds; all others are attributes. `statuses` are words in a column
    that holds a status, in lower case. `left` are columns that are filled in only for
    who has left. `whole` are columns that only files of such people have, and `files`
    begin the names of files whose people are all alike; `sole` is a column that shows
    that a file is none of these. `attributes` is a column with a JSON object.
    `strict` refuses a topic that is none of ours instead of keeping it as an attribute.
    """

    name: str
    signs: tuple[frozenset[str], ...]
    fields: Mapping[str, str]
    statuses: Mapping[str, Status] = field(default_factory=dict)
    left: Mapping[str, SubscriberStatus] = field(default_factory=dict)
    whole: Mapping[str, SubscriberStatus] = field(default_factory=dict)
    files: Mapping[str, Status] = field(default_factory=dict)
    sole: str = ""
    attributes: str = ""
    strict: bool = False
