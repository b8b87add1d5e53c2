"""Projects.

Revision ID: t2026_11_projects
Revises: t2026_11_organizations
"""

import sqlalchemy as sa
from alembic import op

from app.core.db import policies

revision = "t2026_11_projects"
down_revision = "t2026_11_organizations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "projects",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("description", sa.String(length=2000), server_default="", nullable=False),
        sa.Column("status", sa.String(length=20), server_default="active", nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
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
        sa.CheckConstraint("status IN ('active', 'archived')", name=op.f("projects_status_check")),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name="projects_created_by_fkey", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="projects_organization_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="projects_pkey"),
    )
    op.create_index("projects_created_by_idx", "projects", ["created_by"])
    op.create_index(
        "projects_organization_id_created_at_id_idx",
        "projects",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "projects_organization_id_name_key_idx",
        "projects",
        ["organization_id", "name_key"],
        unique=True,
    )
    op.create_index(
        "projects_organization_id_status_created_at_id_idx",
        "projects",
        ["organization_id", "status", "created_at", "id"],
    )
    policies.tenant("projects")


def downgrade() -> None:
    """Undo."""
    op.drop_table("projects")
