"""Campaigns that amend others keep what they told; so far the audit log does."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    words = sa.Column("amendment", sa.String(), nullable=False, server_default="")
    op.add_column("campaign", words)
    log = sa.table("audit", sa.column("action"), sa.column("detail", sa.JSON()))
    campaign = sa.table("campaign", sa.column("id"), sa.column("amendment"))
    here = op.get_bind()
    drafted = sa.select(log.c.detail).where(log.c.action.like("draft the %"))
    for (told,) in here.execute(drafted):
        detail = json.loads(told) if isinstance(told, str) else told
        known = sa.update(campaign).where(campaign.c.id == detail.get("campaign"))
        here.execute(known.values(amendment=detail.get("words") or ""))
