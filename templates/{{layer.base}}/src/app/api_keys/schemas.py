"""Request and response bodies of API keys."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from app.core.schemas import Input, Name, Page, Schema, Timestamp, TimestampInput
from app.core.security.roles import Scope


def _no_duplicates(scopes: list[Scope]) -> list[Scope]:
    if len(set(scopes)) < len(scopes):
        raise ValueError("name each scope once")
    return scopes


class ApiKey(Schema):
    """An API key, without the key itself."""

    id: UUID
    organization_id: UUID
    name: str
    prefix: str = Field(description="First characters of the key", examples=["sk_Zx81sKq0"])
    scopes: list[Scope]
    created_by: UUID | None
    created_at: Timestamp
    expires_at: Timestamp | None
    last_used_at: Timestamp | None = Field(description="Precise to the minute")


class ApiKeyCreated(ApiKey):
    """A new API key, with the key itself, which is shown once."""

    key: str


class ApiKeyCreate(Input):
    """A new API key; without `expires_at` it is valid until it is revoked."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Reporting", "scopes": ["projects:read"]}]}
    )

    name: Name
    scopes: Annotated[
        list[Scope],
        Field(min_length=1, max_length=len(Scope), json_schema_extra={"uniqueItems": True}),
        AfterValidator(_no_duplicates),
    ]
    expires_at: TimestampInput | None = None


class ApiKeyPage(Page[ApiKey]):
    """One page of a list."""
