"""An index of what campaigns are listed by, so that no mail is read for it."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns = ["status", "send_at", "addressed", "subject"]
    op.create_index("ix_campaign_listed", "campaign", columns)
