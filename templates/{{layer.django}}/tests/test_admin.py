"""Every screen of the admin opens, with so many statements however many rows there are."""

from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from app.accounts.models import User
from app.audit.models import AuditEvent
from app.core import tenancy
from app.core.database import unit_of_work
from tests.conftest import World

PASSWORD = "correct horse staple"
MODELS = [model for model in admin.site._registry if model._meta.app_label != "auth"]


@pytest.fixture
def staff(database: None) -> Client:
    User.objects.create_superuser(
        "staff@example.com", PASSWORD, name="Staff", email_verified_at=Now()
    )
    browser = Client()
    form = {"username": "STAFF@example.com", "password": PASSWORD, "code": "", "next": "/admin/"}
    assert browser.post("/admin/login/", form).status_code == 302
    return browser


@pytest.fixture
def rows(world: World) -> None:
    """Give every screen of an organization something to show, twice."""
    for name in ("Acme", "Umbrella"):
        ada = world.person()
        organization = world.organization(ada, name)
        path = f"/organizations/{organization}"
        world.member(organization, "viewer")
        for below, body in (
            ("projects", {"name": "Apollo"}),
            ("api-keys", {"name": "CI", "scopes": ["projects:read"]}),
            ("invitations", {"email": "bob@example.com"}),
            ("exports", {"format": "csv"}),
        ):
            key = {"Idempotency-Key": f"{name}-{below}"}
            answer = ada.request("POST", f"{path}/{below}", json=body, headers=key)
            assert answer.is_success, answer.text


def _count(browser: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        answer = browser.get(path)
    assert answer.status_code == 200, path
    return len(seen)


def _first(model: type[Model]) -> Any:
    with unit_of_work():
        tenancy.enter_staff()
        return model._default_manager.order_by("pk").first()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_screens(model: type[Model], staff: Client, rows: None) -> None:
    path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    assert _count(staff, path) <= 13
    assert _count(staff, f"{path}?q=a") <= 13
    if (row := _first(model)) is not None:
        assert _count(staff, f"{path}{row.pk}/change/") <= 13


def test_lists_take_as_many_statements_for_many_rows(
    staff: Client, rows: None, world: World
) -> None:
    path = "/admin/projects/project/"
    few = _count(staff, path)
    ada = world.person()
    organization = world.organization(ada)
    items = [{"name": f"Project {number}"} for number in range(20)]
    ada.request("POST", f"/organizations/{organization}/projects/import", json={"items": items})
    assert _count(staff, path) == few


def test_changes_are_audited(staff: Client, world: World) -> None:
    ada = world.person()
    organization = world.organization(ada)
    form = {"name": "Made by staff", "status": "active", "organization": str(organization)}
    assert staff.post("/admin/projects/project/add/", form).status_code == 302
    listed = ada.request("GET", f"/organizations/{organization}/projects").json()["items"]
    assert [item["name"] for item in listed] == ["Made by staff"]
    with unit_of_work():
        tenancy.enter_organization(organization)
        event = AuditEvent.objects.latest("id")
    assert (event.action, event.actor_label) == ("project.created", "staff@example.com")
    assert event.changes["by_staff"] is True


def test_nobody_else_gets_in(world: World) -> None:
    browser = Client()
    assert browser.get("/admin/projects/project/").status_code == 302
    ada = world.person()
    form = {"username": ada.email, "password": PASSWORD, "code": ""}
    assert browser.post("/admin/login/", form).status_code == 200
    assert browser.get("/admin/").status_code == 302
