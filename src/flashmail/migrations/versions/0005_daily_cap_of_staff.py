"""Staff may have a cap: so many people a day, unless an admin approves."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff", sa.Column("daily_cap", sa.Integer(), nullable=True))
