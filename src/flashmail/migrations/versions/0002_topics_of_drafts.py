"""Drafts know their topics: who is limited to some finds theirs by them."""

from typing import Any

import sqlalchemy as sa
import yaml
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    topics = sa.Column("topics", sa.JSON(), nullable=False, server_default="[]")
    op.add_column("brief_draft", topics)
    drafts = sa.table(
        "brief_draft",
        sa.column("id", sa.Integer()),
        sa.column("markdown", sa.String()),
        sa.column("topics", sa.JSON()),
    )
    here = op.get_bind()
    for number, markdown in here.execute(sa.select(drafts.c.id, drafts.c.markdown)):
        known = sa.update(drafts).where(drafts.c.id == number)
        here.execute(known.values(topics=_topics(markdown)))


def _topics(markdown: str) -> list[str]:
    """Return the topics in a draft's front matter, as it was written by flashmail."""
    try:
        front: Any = yaml.safe_load(markdown.split("---\n")[1])
        return [each for each in front["topics"] if isinstance(each, str)]
    except (yaml.YAMLError, LookupError, TypeError):
        return []
