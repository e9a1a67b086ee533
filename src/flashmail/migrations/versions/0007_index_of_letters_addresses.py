"""Letters are found by their address when somebody is erased."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_letter_address"), "letter", ["address"])
