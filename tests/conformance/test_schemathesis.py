"""Schemathesis over the OpenAPI document: responses match it, without server errors."""

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from .drivers import bearer
from .factories import Factory
from .service import BASE_URL

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class SeededOwner:
    """An owner with existing resources, so that generated requests pass authorisation."""

    def __init__(self, factory: Factory, features: set[str]) -> None:
        self._people = factory
        self._features = features
        self.account = factory.register("owner")
        self.renew()

    def renew(self) -> None:
        """Create resources anew after a DELETE."""
        self.organization = self._people.organization(self.account)
        api, path = self.account.api, self.organization.path
        invitation = api.post(
            f"{path}/invitations", json={"email": self._people.address(), "role": "viewer"}
        )
        self.ids = {
            "organization_id": self.organization.id,
            "user_id": self.account.id,
            "project_id": self.organization.project()["id"],
            "invitation_id": invitation.json()["id"],
            "api_key_id": self.organization.key("projects:read")["id"],
            "provider": "google",
        }
        if "exports" in self._features:
            export = api.post(f"{path}/exports", json={"format": "csv"})
            self.ids["export_id"] = export.json()["id"]


@pytest.fixture(scope="module")
def seeded_owner(factory: Factory, features: set[str]) -> SeededOwner:
    return SeededOwner(factory, features)


# Loaded at import: the service runs before collection, and each operation becomes a test.
schema = schemathesis.openapi.from_url(f"{os.environ[BASE_URL]}/openapi.json")


@schema.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_operation_matches_the_openapi_document(
    case: schemathesis.Case[Any], seeded_owner: SeededOwner
) -> None:
    access = seeded_owner.account.access()
    if case.operation.definition.raw["operationId"] == "sign_out":
        access = seeded_owner.account.new_session().access
    if case.meta is None or case.meta.generation.mode.is_positive:
        for name in case.path_parameters or {}:
            case.path_parameters[name] = seeded_owner.ids.get(name, case.path_parameters[name])
    elif "organization_id" in (case.path_parameters or {}):
        case.path_parameters["organization_id"] = seeded_owner.organization.id
    response = case.call_and_validate(headers=bearer(access), checks=CHECKS)
    if case.method == "DELETE" and response.status_code == 204:
        seeded_owner.renew()
