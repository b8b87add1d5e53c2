"""Schemathesis over the account paths of django-allauth, for services that have them.

allauth's document does not list every status, so only server errors and content types are checked.
"""

import os
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error

from .drivers import bearer
from .factories import Account, Factory
from .service import BASE_URL

DOCUMENT = f"{os.environ[BASE_URL]}/_allauth/openapi.json"
CLIENTS = ("app", "browser")

if httpx2.get(DOCUMENT).status_code == 404:
    pytest.skip("the service has no allauth paths", allow_module_level=True)

schema = schemathesis.openapi.from_url(DOCUMENT)


@pytest.fixture(scope="module")
def account(factory: Factory) -> Account:
    return factory.register("account")


@schema.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_operation_causes_no_server_error(case: schemathesis.Case[Any], account: Account) -> None:
    if case.path_parameters.get("client") not in CLIENTS:
        case.path_parameters["client"] = CLIENTS[0]
    # DELETE may end the session, so it gets its own.
    access = account.new_session().access if case.method == "DELETE" else account.access()
    response = case.call_and_validate(headers=bearer(access), checks=[not_a_server_error])
    if response.content:
        (media_type,) = response.headers["content-type"]
        assert media_type in {"application/json", "application/problem+json"}, response.status_code
