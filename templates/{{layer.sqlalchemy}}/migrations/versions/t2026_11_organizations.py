"""Organizations, memberships and invitations.

Revision ID: t2026_11_organizations
Revises: t2026_11_accounts
"""

import sqlalchemy as sa
from alembic import op

from app.core.db import policies

revision = "t2026_11_organizations"
down_revision = "t2026_11_accounts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "organizations",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="organizations_pkey"),
    )
    op.create_table(
        "memberships",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "role IN ('viewer', 'member', 'admin', 'owner')", name=op.f("memberships_role_check")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="memberships_organization_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="memberships_user_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "user_id", name="memberships_pkey"),
    )
    op.create_index(
        "memberships_organization_id_created_at_user_id_idx",
        "memberships",
        ["organization_id", "created_at", "user_id"],
    )
    op.create_index("memberships_user_id_idx", "memberships", ["user_id"])
    op.create_table(
        "invitations",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "role IN ('viewer', 'member', 'admin', 'owner')", name=op.f("invitations_role_check")
        ),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["users.id"], name="invitations_invited_by_fkey", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="invitations_organization_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="invitations_pkey"),
    )
    op.create_index("invitations_expires_at_idx", "invitations", ["expires_at"])
    op.create_index("invitations_invited_by_idx", "invitations", ["invited_by"])
    op.create_index(
        "invitations_organization_id_email_idx",
        "invitations",
        ["organization_id", "email"],
        unique=True,
    )
    policies.tenant("organizations", "id")
    policies.tenant("memberships")
    policies.tenant("invitations")
    # Users list their organizations before a tenant is set.
    policies.policy("own", "memberships", f"FOR SELECT USING (user_id = {policies.USER})")
    policies.policy(
        "own",
        "organizations",
        "FOR SELECT USING (id IN"  # noqa: S608 - composed of constants
        f" (SELECT organization_id FROM memberships WHERE user_id = {policies.USER}))",
    )


def downgrade() -> None:
    """Undo."""
    op.execute("DROP POLICY own ON organizations")
    op.drop_table("invitations")
    op.drop_table("memberships")
    op.drop_table("organizations")
