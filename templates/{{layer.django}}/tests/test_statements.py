"""How many statements a request needs: as many for a hundred rows as for one (rule 8)."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.core.exceptions import FieldFetchBlocked
from django.db import connection, models
from django.db.models.functions import Now

from app.accounts.models import User, UserSession
from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work
from app.core.ids import uuid7
from app.organizations.models import Membership, Organization
from tests.architecture.source import ROOT
from tests.creations import CREATIONS, unique
from tests.factories import Factory, SignedInUser

type OneMore = Callable[[Factory, SignedInUser, UUID], None]


@contextmanager
def _statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(execute: Any, sql: str, *arguments: Any) -> Any:
        if "SAVEPOINT" not in sql:
            seen.append(sql)
        return execute(sql, *arguments)

    with connection.execute_wrapper(note):
        yield seen


def _session(factory: Factory, owner: SignedInUser, organization: UUID) -> None:
    UserSession.objects.create(user_id=owner.id, expires_at=Now() + timedelta(days=30))


def _organization(factory: Factory, owner: SignedInUser, organization: UUID) -> None:
    factory.organization(owner)


def _member(factory: Factory, owner: SignedInUser, organization: UUID) -> None:
    factory.member(organization, "viewer")


def _created(path: str, body: Mapping[str, Any]) -> OneMore:
    def create(factory: Factory, owner: SignedInUser, organization: UUID) -> None:
        answer = owner.request("POST", f"/organizations/{organization}/{path}", json=unique(body))
        assert answer.status_code == 201, answer.text

    return create


def _lists(document: dict[str, Any]) -> set[str]:
    """Return the routes whose response is a page of a list."""
    pages = {
        f"#/components/schemas/{name}"
        for name, schema in document["components"]["schemas"].items()
        if {"items", "next_cursor"} <= set(schema.get("properties", ()))
    }
    found = set()
    for path, operations in document["paths"].items():
        content = operations.get("get", {"responses": {}})["responses"].get("200", {})
        schema = content.get("content", {}).get("application/json", {}).get("schema", {})
        if schema.get("$ref") in pages:
            found.add(path.removeprefix("/api/v1"))
    return found


BELOW = "/organizations/{organization_id}"
LISTS = _lists(json.loads((ROOT / "openapi.json").read_text()))
CREATED = {f"{BELOW}/{path}": _created(path, body) for path, body in CREATIONS}
# Adds one row to each list of the API.
ONE_MORE: dict[str, OneMore] = {
    "/auth/sessions": _session,
    "/organizations": _organization,
    f"{BELOW}/members": _member,
    f"{BELOW}/audit-events": CREATED[f"{BELOW}/projects"],
    **{path: create for path, create in CREATED.items() if path in LISTS},
}


def test_every_list_is_tested() -> None:
    assert set(ONE_MORE) == LISTS


@pytest.mark.parametrize("path", ONE_MORE)
def test_more_rows_need_no_more_statements(factory: Factory, path: str) -> None:
    owner = factory.user()
    organization = factory.organization(owner)

    def read() -> tuple[int, list[str]]:
        with _statements() as seen:
            answer = owner.request(
                "GET", path.format(organization_id=organization), params={"limit": 100}
            )
        assert answer.status_code == 200, answer.text
        return len(answer.json()["items"]), seen

    ONE_MORE[path](factory, owner, organization)
    few_rows, few = read()
    for _ in range(20):
        ONE_MORE[path](factory, owner, organization)
    many_rows, many = read()
    assert many_rows >= few_rows + 20
    assert many == few
    # Authentication, tenant, role, page.
    assert len(few) <= 5


def test_an_import_is_one_batch(factory: Factory) -> None:
    owner = factory.user()
    organization = factory.organization(owner)
    items = [{"name": f"Project {number}", "description": "x" * 100} for number in range(1000)]
    with _statements() as seen:
        answer = owner.request(
            "POST", f"/organizations/{organization}/projects/import", json={"items": items}
        )
    assert (answer.status_code, answer.json()) == (201, {"created": 1000})
    assert len([sql for sql in seen if sql.startswith('INSERT INTO "projects"')]) == 1
    assert len(seen) <= 6


# Rule 8: relations and columns that a query did not load raise.

OURS = [model for model in apps.get_models() if model.__module__.startswith("app.")]


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_managers_block_lazy_loading(database: None, model: type[models.Model]) -> None:
    with unit_of_work():
        tenancy.enter_organization(uuid7())
        managers: list[Any] = list(model._meta.managers)
        assert managers
        for manager in managers:
            assert manager.get_queryset()._fetch_mode is models.FETCH_RAISE


def test_relations_block_lazy_loading(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    factory.member(organization, "viewer")
    with unit_of_work():
        tenancy.enter_organization(organization)
        own = Membership.objects.filter(user_id=ada.id)
        member = own.get()
        joined = own.select_related("organization", "user").get()
        loaded = Organization.objects.prefetch_related("memberships").get()
        user = User.objects.prefetch_related("memberships").get(id=ada.id)
        with _statements() as seen:
            # Forwards, from a row and from one that came with another.
            for instance, name in (
                (member, "user"),
                (member, "organization"),
                (loaded.memberships.all()[0], "user"),
                (user.memberships.all()[0], "organization"),
                (Organization.objects.only("id").get(), "name"),
                (Membership.objects.defer("role").first(), "role"),
            ):
                with pytest.raises(FieldFetchBlocked):
                    getattr(instance, name)
            assert joined.organization.name == "Acme"
            assert joined.user.email == ada.email
        assert len(seen) == 2  # those that are written here
        # Backwards: a query that is asked for, whose rows load nothing later either.
        for row in (
            Organization.objects.get().memberships.get(user_id=ada.id),
            joined.organization.memberships.get(user_id=ada.id),
        ):
            with pytest.raises(FieldFetchBlocked):
                _ = row.user
        for row in (
            User.objects.get(id=ada.id).memberships.get(),
            joined.user.memberships.get(),
        ):
            with pytest.raises(FieldFetchBlocked):
                _ = row.organization
