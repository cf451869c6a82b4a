"""Find orders by their customer, and say how each was paid."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None


def upgrade() -> None:
    """Build the index and add the column."""
    op.create_index("orders_customer", "orders", ["customer_id"])
    op.add_column("orders", sa.Column("paid_by", sa.Text(), nullable=False))


def downgrade() -> None:
    """Nobody wrote this."""
