"""Batch inserts, and lazy loading that raises (rule 8); `test_lists.py` counts those of lists."""

from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import FieldFetchBlocked
from django.db import models

from app.accounts.models import User
from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work
from app.core.ids import uuid7
from app.organizations.models import Membership, Organization
from tests.database import capture_statements
from tests.factories import Factory


def test_an_import_is_one_batch(factory: Factory) -> None:
    owner = factory.user()
    organization = factory.organization(owner)
    items = [{"name": f"Project {number}", "description": "x" * 100} for number in range(1000)]
    with capture_statements() as seen:
        answer = owner.request(
            "POST", f"/organizations/{organization}/projects/import", json={"items": items}
        )
    assert (answer.status_code, answer.json()) == (201, {"created": 1000})
    assert len([sql for sql in seen if sql.startswith('INSERT INTO "projects"')]) == 1
    assert len([sql for sql in seen if "SAVEPOINT" not in sql]) <= 6


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
        with capture_statements() as seen:
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
