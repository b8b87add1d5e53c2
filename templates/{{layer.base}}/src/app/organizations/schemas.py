"""Request and response bodies of organizations, members and invitations."""

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from app.core.schemas import Email, Input, Name, Page, Schema, Timestamp
from app.core.security.roles import Role


class Organization(Schema):
    """An organization, with the role of the caller in it."""

    id: UUID
    name: str
    role: Role = Field(description="Role of the caller")
    created_at: Timestamp
    updated_at: Timestamp
    version: int


class OrganizationCreate(Input):
    """A new organization; the caller becomes its owner."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Analytical Engines"}]})

    name: Name


class OrganizationUpdate(Input):
    """The fields of an organization that can be changed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Analytical Engines"}]})

    name: Name


class OrganizationMember(Schema):
    """A member of an organization."""

    user_id: UUID
    email: str
    name: str
    role: Role
    created_at: Timestamp


class MemberUpdate(Input):
    """The new role of a member."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "admin"}]})

    role: Role


class Invitation(Schema):
    """An open invitation. Its token is sent by mail only."""

    id: UUID
    organization_id: UUID
    email: str
    role: Role
    invited_by: UUID | None
    created_at: Timestamp
    expires_at: Timestamp


class InvitationCreate(Input):
    """A new invitation: address and role."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.com", "role": "member"}]}
    )

    email: Email
    role: Role = Role.MEMBER


class InvitationAccept(Input):
    """The token from the invitation mail."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": "token-from-the-mail"}]})

    token: Annotated[str, Field(min_length=1, max_length=300)]


class OrganizationPage(Page[Organization]):
    """One page of a list."""


class MemberPage(Page[OrganizationMember]):
    """One page of a list."""


class InvitationPage(Page[Invitation]):
    """One page of a list."""
