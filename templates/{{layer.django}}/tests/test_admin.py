"""Every screen of the admin opens, with so many statements however many rows there are."""

from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from app.audit.models import AuditEvent
from app.core import tenancy
from app.core.database import unit_of_work
from tests import factories
from tests.conftest import World
from tests.factories import ProjectFactory, UserFactory

PASSWORD = "correct horse staple"
MODELS = [model for model in admin.site._registry if model._meta.app_label != "auth"]


@pytest.fixture
def staff(database: None) -> Client:
    UserFactory.create(
        email="staff@example.com", password=PASSWORD, is_staff=True, is_superuser=True
    )
    browser = Client()
    form = {"username": "STAFF@example.com", "password": PASSWORD, "code": "", "next": "/admin/"}
    assert browser.post("/admin/login/", form).status_code == 302
    return browser


@pytest.fixture
def rows(database: None) -> None:
    """Give every screen something to show, twice."""
    for factory in factories.EVERY:
        factory.create_batch(2)


def _first(model: type[Model]) -> Any:
    with unit_of_work():
        tenancy.enter_staff()
        return model._default_manager.earliest("pk")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_screens(
    model: type[Model],
    staff: Client,
    rows: None,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    for screen in (path, f"{path}?q=a", f"{path}{_first(model).pk}/change/"):
        with django_assert_max_num_queries(13):
            assert staff.get(screen).status_code == 200, screen


def test_lists_take_as_many_statements_for_many_rows(
    staff: Client, rows: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    path = "/admin/projects/project/"
    with CaptureQueriesContext(connection) as few:
        staff.get(path)
    ProjectFactory.create_batch(20)
    with django_assert_num_queries(len(few)):
        assert "22 projects" in staff.get(path).text


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
