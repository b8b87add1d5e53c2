"""The audit log.

Revision ID: t2026_11_audit
Revises: t2026_11_api_keys
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.core.db import policies

revision = "t2026_11_audit"
down_revision = "t2026_11_api_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audit_events",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("actor_type", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_label", sa.String(length=254), nullable=False),
        sa.Column("target_type", sa.String(length=50), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=True),
        sa.Column("changes", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="audit_events_organization_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="audit_events_pkey"),
    )
    op.create_index(
        "audit_events_organization_id_action_id_idx",
        "audit_events",
        ["organization_id", "action", "id"],
    )
    # Append-only: with no policy for UPDATE and DELETE, both find no row.
    policies.enable("audit_events")
    policies.policy(
        "tenant_read",
        "audit_events",
        f"FOR SELECT USING (organization_id = {policies.ORGANIZATION})",
    )
    policies.policy(
        "tenant_append",
        "audit_events",
        f"FOR INSERT WITH CHECK (organization_id = {policies.ORGANIZATION})",
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("audit_events")
