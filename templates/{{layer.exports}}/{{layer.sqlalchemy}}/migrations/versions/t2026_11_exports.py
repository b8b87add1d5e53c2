"""Exports.

Revision ID: t2026_11_exports
Revises: t2026_11_audit
"""

import sqlalchemy as sa
from alembic import op

from app.core.db import policies

revision = "t2026_11_exports"
down_revision = "t2026_11_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "exports",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("format", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="queued", nullable=False),
        sa.Column("failure", sa.String(length=20), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("format IN ('csv', 'json')", name=op.f("exports_format_check")),
        sa.CheckConstraint(
            "status IN ('queued', 'succeeded', 'failed')", name=op.f("exports_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="exports_organization_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["requested_by"], ["users.id"], name="exports_requested_by_fkey", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="exports_pkey"),
    )
    op.create_index("exports_expires_at_idx", "exports", ["expires_at"])
    op.create_index("exports_requested_by_idx", "exports", ["requested_by"])
    policies.tenant("exports")


def downgrade() -> None:
    """Undo."""
    op.drop_table("exports")
