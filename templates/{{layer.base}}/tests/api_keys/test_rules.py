from datetime import UTC, datetime, timedelta

import pytest

from app.api_keys import rules
from app.core.errors import Invalid, Unauthenticated
from app.core.ids import uuid7
from app.core.security import tokens
from app.core.security.roles import Scope


def test_expiry_must_be_in_the_future() -> None:
    now = datetime.now(UTC)
    rules.check_expiry(None)
    rules.check_expiry(now + timedelta(minutes=1))
    with pytest.raises(Invalid):
        rules.check_expiry(now)


def test_key_names_its_organization() -> None:
    organization_id = uuid7()
    assert rules.read_organization_id(tokens.new_api_key(organization_id).key) == organization_id
    with pytest.raises(Unauthenticated):
        rules.read_organization_id("sk_unknown")


def test_scopes_of_another_release_are_ignored() -> None:
    known = rules.known_scopes(["projects:read", "rockets:launch"])
    assert known == {Scope.PROJECTS_READ}
