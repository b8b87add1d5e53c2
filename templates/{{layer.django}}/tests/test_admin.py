"""The admin: every page opens, changes are recorded, and access is limited to staff."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from app.accounts.models import SecurityEvent, User, UserSession
from app.audit.models import AuditEvent
from app.core.admin_site import NEWEST, ReadOnlyAdmin
from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work
from app.core.models import ClockTimestamp, OutboxEntry
from app.core.security.roles import Role
from app.modules import MODULES
from app.organizations.models import Membership
from app.organizations.service import remove_member
from app.settings import Settings, settings
from tests.browsers import ADMIN, PASSWORD, make_staff, set_up_totp, sign_in, signed_in
from tests.concurrency import run_concurrently
from tests.factories import (
    AuditEventFactory,
    Factory,
    InvitationFactory,
    MembershipFactory,
    OutboxEntryFactory,
    SecurityEventFactory,
    UserFactory,
    UserSessionFactory,
    every_factory,
)

REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label_lower)
NOT_SHOWN = {
    # Shown on the pages of groups.
    "auth.Permission",
    "contenttypes.ContentType",
    # A reader could use the session keys to sign in; `accounts.UserSession` is shown instead.
    "sessions.Session",
    # Nothing that support needs: one row for each refresh of a session.
    "accounts.RefreshToken",
    # Never created: see ADR 0007.
    "account.EmailAddress",
    "account.EmailConfirmation",
}


@pytest.fixture
def me(database: None) -> User:
    return make_staff(email="staff@example.com")


@pytest.fixture
def staff(me: User) -> Client:
    return signed_in(me)


def make_rows(count: int, user: User) -> None:
    """Create a row for every model."""
    for factory in every_factory():
        factory.create_batch(count)
    of_users = ContentType.objects.get_for_model(User)
    for other in UserFactory.create_batch(count):
        Group.objects.create(name=other.email)
        LogEntry.objects.create(
            user=user,
            content_type=of_users,
            object_id=str(other.pk),
            object_repr=other.email,
            action_flag=ADDITION,
        )


def first(model: type[Model]) -> Any:
    with unit_of_work():
        tenancy.enter_staff()
        row = model._default_manager.order_by("pk").first()
    assert row is not None, (
        f"no row of {model._meta.label}: add a factory for it to"
        f" tests/{model._meta.app_label}/factories.py, as `just new-module` writes it"
    )
    return row


def add_children(row: Model) -> None:
    """Add related rows, which the page of an organization, a user or a group shows."""
    match row._meta.label:
        case "organizations.Organization":
            MembershipFactory.create_batch(5, organization_id=row.pk)
            InvitationFactory.create_batch(5, organization_id=row.pk)
        case "accounts.User":
            MembershipFactory.create_batch(5, user_id=row.pk)
            for factory in (UserSessionFactory, SecurityEventFactory):
                factory.create_batch(5, user_id=row.pk)
            AuditEventFactory.create_batch(5, actor_id=row.pk)
            row.groups.set(Group.objects.all())  # type: ignore[attr-defined]  # `row` is of the model that has it
            row.user_permissions.set(Permission.objects.all())  # type: ignore[attr-defined]  # `row` is of the model that has it
        case "auth.Group":
            row.permissions.set(Permission.objects.all())  # type: ignore[attr-defined]  # `row` is of the model that has it


def screens(browser: Client, model: type[Model]) -> Iterator[str]:
    """Return the paths of all pages of a model: those of its list, and of its first row."""
    options = admin.site._registry[model]
    app, name = model._meta.app_label, model._meta.model_name
    path = f"{ADMIN}{app}/{name}/"
    yield path
    yield f"{path}?q=a"
    shown = browser.get(path)
    for spec in shown.context["cl"].filter_specs:
        for choice in spec.choices(shown.context["cl"]):
            yield path + str(choice["query_string"])
    if options.date_hierarchy:
        today = datetime.now(UTC)
        day = ""
        for part in ("year", "month", "day"):
            day += f"&{options.date_hierarchy}__{part}={getattr(today, part)}"
            yield f"{path}?{day[1:]}"
    for field in options.autocomplete_fields:
        query = f"app_label={app}&model_name={name}&field_name={field}&term=e"
        yield f"{ADMIN}autocomplete/?{query}"
    request = shown.wsgi_request
    row = first(model)
    yield f"{path}{row.pk}/change/"
    yield f"{path}{row.pk}/history/"
    if options.has_add_permission(request):
        yield f"{path}add/"
    if options.has_delete_permission(request):
        yield f"{path}{row.pk}/delete/"


def statements(browser: Client, model: type[Model]) -> dict[str, int]:
    """Open every page of a model, and count the statements."""
    counted = {}
    for screen in screens(browser, model):
        with CaptureQueriesContext(connection) as seen:
            assert browser.get(screen).status_code == 200, screen
        counted[screen] = len(seen)
    return counted


def test_every_model_has_an_admin() -> None:
    shown = {model._meta.label for model in REGISTERED}
    missing = {model._meta.label for model in apps.get_models()} - NOT_SHOWN - shown
    assert not missing, (
        f"register {sorted(missing)} in the admin.py of their module, as src/app/projects/admin.py"
        " does, or add them to NOT_SHOWN with the reason"
    )
    assert not shown & NOT_SHOWN


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label_lower)
def test_pages_need_as_many_statements_for_many_rows(
    model: type[Model], staff: Client, me: User
) -> None:
    ContentType.objects.get_for_models(*apps.get_models())
    make_rows(2, me)
    few = statements(staff, model)
    make_rows(4, me)
    add_children(first(model))
    many = statements(staff, model)
    assert {screen: many.get(screen) for screen in few} == few
    assert max(many.values()) <= 20


@pytest.mark.parametrize("path", ["", "organizations/", "core/", "password_change/", "jsi18n/"])
def test_pages_without_a_model_open(path: str, staff: Client, me: User) -> None:
    counted = set()
    for _ in range(2):
        make_rows(2, me)
        with CaptureQueriesContext(connection) as seen:
            assert staff.get(f"{ADMIN}{path}").status_code == 200
        counted.add(len(seen))
    assert len(counted) == 1
    assert max(counted) <= 8


def test_admins_of_all_models_are_complete() -> None:
    for model, options in admin.site._registry.items():
        if model is Group:  # Django's own
            continue
        label = model._meta.label
        relations = [field for field in model._meta.fields if field.remote_field]
        where = f"in {type(options).__module__}.{type(options).__name__}"
        assert options.search_fields, f"{label}: add the fields to search to search_fields {where}"
        assert options.list_filter or label == "organizations.Organization", (
            f'{label}: add a field to list_filter {where}, such as ("created_at",)'
        )
        dated = any(field.name == "created_at" for field in model._meta.fields)
        assert options.date_hierarchy or not dated, (
            f'{label}: add date_hierarchy = "created_at" {where}'
        )
        listed = {field.name for field in relations} & set(options.list_display)
        loaded = options.list_select_related
        missing = listed - set(loaded if isinstance(loaded, tuple) else ())
        assert not missing, f"{label}: add {sorted(missing)} to list_select_related {where}"
        if not isinstance(options, ReadOnlyAdmin):
            edited = {field.name for field in relations if field.editable}
            missing = edited - set(options.readonly_fields) - set(options.autocomplete_fields)
            assert not missing, (
                f"{label}: add {sorted(missing)} to autocomplete_fields or readonly_fields {where}"
            )


# Changes


def last_event(organization_id: UUID) -> AuditEvent:
    with unit_of_work():
        tenancy.enter_organization(organization_id)
        return AuditEvent.objects.latest("id")


def last_note(user: User) -> tuple[str, dict[str, Any]]:
    event = SecurityEvent.objects.filter(user=user).latest("id")
    return event.action, event.details


def test_created_project_is_visible_in_the_api(staff: Client, factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    form = {"name": "Made in the admin", "status": "active", "organization": str(organization)}
    assert staff.post(f"{ADMIN}projects/project/add/", form).status_code == 302
    listed = ada.request("GET", f"/organizations/{organization}/projects").json()["items"]
    assert [item["name"] for item in listed] == ["Made in the admin"]
    told = ada.request("GET", f"/organizations/{organization}/audit-events").json()["items"][0]
    assert (told["action"], told["actor"]["label"]) == ("project.created", "staff@example.com")
    assert told["changes"]["admin_user"] == "staff@example.com"
    project = f"{ADMIN}projects/project/{listed[0]['id']}"
    changed = {"name": "Renamed", "status": "active"}
    assert staff.post(f"{project}/change/", changed).status_code == 302
    assert last_event(organization).changes["fields"] == ["name"]
    assert staff.post(f"{project}/delete/", {"post": "yes"}).status_code == 302
    assert last_event(organization).action == "project.deleted"
    assert "Renamed" in staff.get(f"{ADMIN}admin/logentry/?q=Renamed").text


def formset(prefix: str, *rows: dict[str, object]) -> dict[str, object]:
    """Return the form data of an inline formset; rows with an id exist already."""
    before = sum("id" in row for row in rows)
    values: dict[str, object] = {
        f"{prefix}-TOTAL_FORMS": len(rows),
        f"{prefix}-INITIAL_FORMS": before,
    }
    for number, row in enumerate(rows):
        values |= {f"{prefix}-{number}-{name}": value for name, value in row.items()}
    return values


def members(organization: UUID) -> dict[UUID, Membership]:
    with unit_of_work():
        tenancy.enter_organization(organization)
        return {item.user_id: item for item in Membership.objects.all()}


def test_names_are_unique(staff: Client, factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    path = f"/organizations/{organization}/projects"
    ada.request("POST", path, json={"name": "Apollo"})
    other = ada.request("POST", path, json={"name": "Gemini"}).json()["id"]
    form = {"name": "APOLLO", "status": "active", "organization": str(organization)}
    for screen in ("add/", f"{other}/change/"):
        refused = staff.post(f"/admin/projects/project/{screen}", form)
        assert refused.status_code == 200
        assert "A project with this name exists already." in refused.content.decode()


@pytest.mark.parametrize(
    ("field", "text"), [("name", "a\nb"), ("name", "\x1b[2J"), ("description", "\x1b[2J")]
)
def test_texts_are_validated_as_in_the_api(
    field: str, text: str, staff: Client, factory: Factory
) -> None:
    organization = factory.organization(factory.user())
    form = {"name": "A", "status": "active", "organization": str(organization), field: text}
    refused = staff.post("/admin/projects/project/add/", form)
    assert refused.status_code == 200
    assert "Control characters are not allowed." in refused.content.decode()


def test_descriptions_keep_line_breaks(staff: Client, factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    form = {"name": "A", "description": "a\r\nb", "status": "active"}
    form["organization"] = str(organization)
    assert staff.post("/admin/projects/project/add/", form).status_code == 302
    (made,) = ada.request("GET", f"/organizations/{organization}/projects").json()["items"]
    assert made["description"] == "a\nb"
    shown = staff.get(f"/admin/projects/project/{made['id']}/change/").content.decode()
    assert "a\nb</textarea>" in shown


def test_invalid_filters_are_refused(staff: Client) -> None:
    path = "/admin/projects/project/?status__exact=%00"
    assert staff.get(path).status_code == 400


def test_members_are_added_changed_and_removed(staff: Client, factory: Factory) -> None:
    ada, bob, new = factory.user(), factory.user(), factory.user()
    organization = factory.organization(ada)
    MembershipFactory.create(organization_id=organization, user_id=bob.id, role="member")
    path = f"{ADMIN}organizations/organization/{organization}/change/"
    were = members(organization)
    kept = {"id": were[ada.id].pk, "organization": organization, "role": "owner"}
    other = {"id": were[bob.id].pk, "organization": organization, "role": "viewer"}
    form = {
        "name": "Acme",
        **formset("memberships", kept, other),
        **formset("memberships-2", {"user": new.id, "role": "admin"}),
        **formset("invitations"),
    }
    assert staff.post(path, form).status_code == 302
    now = members(organization)
    assert {id_: item.role for id_, item in now.items()} == {
        ada.id: "owner",
        bob.id: "viewer",
        new.id: "admin",
    }
    listed = ada.request("GET", f"/organizations/{organization}/audit-events").json()["items"]
    assert {"membership.created", "membership.updated"} <= {item["action"] for item in listed}
    assert {item["changes"].get("admin_user") for item in listed[:2]} == {"staff@example.com"}
    removed = form | formset("memberships", kept | {"DELETE": "on"}, other)
    refused = staff.post(path, removed | formset("memberships-2"))
    assert "must keep at least one owner" in refused.text
    form |= formset("memberships", kept, other | {"DELETE": "on"}) | formset("memberships-2")
    assert staff.post(path, form).status_code == 302
    assert bob.id not in members(organization)
    assert last_event(organization).action == "membership.deleted"


@pytest.mark.committed
def test_concurrent_removals_leave_an_owner(staff: Client, factory: Factory) -> None:
    ada, bob = factory.user(), factory.user()
    organization = factory.organization(ada)
    MembershipFactory.create(organization_id=organization, user_id=bob.id, role="owner")
    were = members(organization)
    form = {
        "name": "Acme",
        **formset(
            "memberships",
            {"id": were[ada.id].pk, "organization": organization, "role": "viewer"},
            {"id": were[bob.id].pk, "organization": organization, "role": "owner"},
        ),
        **formset("memberships-2"),
        **formset("invitations"),
    }
    path = f"{ADMIN}organizations/organization/{organization}/change/"
    with ThreadPoolExecutor() as threads:
        with unit_of_work():
            tenancy.enter_organization(organization)
            remove_member(
                organization_id=organization, user_id=bob.id, by=Role.OWNER, by_user_id=bob.id
            )
            # Bob leaves in a transaction that has not committed.
            demoted = threads.submit(run_concurrently, [partial(staff.post, path, form)])
            with suppress(TimeoutError):
                demoted.result(1)
        (answer,) = demoted.result(10)
    assert answer.status_code == 200
    assert [item.role for item in members(organization).values()] == ["owner"]


def test_new_organization_needs_an_owner(staff: Client, factory: Factory, me: User) -> None:
    ada = factory.user()
    path = f"{ADMIN}organizations/organization/add/"
    form = {"name": "New", **formset("memberships", {"user": ada.id, "role": "viewer"})}
    assert "must keep at least one owner" in staff.post(path, form).text
    assert staff.post(path, form | {"memberships-0-role": "owner"}).status_code == 302
    (made,) = ada.request("GET", "/organizations").json()["items"]
    assert (made["name"], made["role"]) == ("New", "owner")
    deleted = f"{ADMIN}organizations/organization/{made['id']}/delete/"
    assert staff.post(deleted, {"post": "yes"}).status_code == 302
    assert ada.request("GET", "/organizations").json()["items"] == []
    # Its audit log was deleted with it.
    action, details = last_note(me)
    assert (action, details["id"]) == ("organization.deleted", made["id"])


def test_account_is_disabled_and_enabled(staff: Client, factory: Factory) -> None:
    ada = factory.user()
    user = User.objects.get(id=ada.id)
    path = f"{ADMIN}accounts/user/{ada.id}/change/"
    assert staff.post(path, {"name": user.name}).status_code == 302
    assert ada.request("GET", "/me").status_code == 401
    noted = SecurityEvent.objects.filter(user=user).order_by("id").values_list("action", "details")
    (_, shut), (_, changed) = noted
    assert [action for action, _ in noted] == ["user.disabled", "user.updated"]
    assert changed == {
        "id": str(user.pk),
        "fields": ["is_active"],
        "admin_user": "staff@example.com",
    }
    assert shut["admin_user"] == "staff@example.com"
    assert staff.post(path, {"name": user.name, "is_active": "on"}).status_code == 302
    # Enabling does not restore sessions.
    assert ada.request("GET", "/me").status_code == 401
    user.refresh_from_db()
    assert user.is_active


def user_tables(browser: Client, user_id: UUID) -> dict[str, Any]:
    answer = browser.get(f"{ADMIN}accounts/user/{user_id}/change/")
    return {table["title"]: table for table in answer.context["user_tables"]}


def test_page_of_a_user_shows_rows_of_the_user_only(
    staff: Client, factory: Factory, me: User
) -> None:
    ada, bob = factory.user(), factory.user()
    organization = factory.organization(ada)
    factory.organization(bob)
    tables = user_tables(staff, ada.id)
    ((name, role, _),) = tables["Organizations"]["rows"]
    assert (name["text"], role["text"]) == ("Acme", "owner")
    assert name["url"] == f"{ADMIN}organizations/organization/{organization}/change/"
    ((action, *_),) = tables["Changes in organizations"]["rows"]
    assert action["text"] == "organization.created"
    for table in tables.values():
        # The link to all rows finds the same.
        assert staff.get(table["all"]).context["cl"].result_count == len(table["rows"])
        for row in table["rows"]:
            assert staff.get(row[0]["url"]).status_code == 200
    shown = staff.get(f"{ADMIN}accounts/user/{ada.id}/change/").text
    assert "Acme" in shown
    assert 'name="groups"' in shown
    assert "user_permissions" not in shown


def test_page_of_a_user_shows_the_newest_rows(staff: Client, factory: Factory) -> None:
    ada = factory.user()
    oldest = UserSession.objects.get(user_id=ada.id)
    UserSessionFactory.create_batch(NEWEST, user_id=ada.id)
    rows = user_tables(staff, ada.id)["Sessions"]["rows"]
    assert len(rows) == NEWEST
    assert str(oldest.pk) not in str(rows)


def test_dead_letters_are_replayed(staff: Client, me: User) -> None:
    dead_letter = OutboxEntryFactory.create(dead_lettered_at=ClockTimestamp(), attempts=8)
    done = OutboxEntryFactory.create(done_at=ClockTimestamp(), attempts=1)
    path = f"{ADMIN}core/outboxentry/"
    listed = staff.get(f"{path}?state=dead-letter").text
    assert str(dead_letter.id) in listed
    assert str(done.id) not in listed
    form = {"action": "replay", "_selected_action": [str(dead_letter.id), str(done.id)]}
    assert "Replayed dead letters: 1." in staff.post(path, form, follow=True).text
    again, same = OutboxEntry.objects.get(id=dead_letter.id), OutboxEntry.objects.get(id=done.id)
    assert (again.dead_lettered_at, again.attempts, again.state) == (None, 0, "waiting")
    assert same.attempts == 1
    assert last_note(me) == (
        "job.replayed",
        {"id": str(dead_letter.id), "admin_user": "staff@example.com"},
    )


def test_changes_of_groups_are_security_events_of_the_staff(staff: Client, me: User) -> None:
    assert staff.post(f"{ADMIN}auth/group/add/", {"name": "Support"}).status_code == 302
    action, details = last_note(me)
    assert (action, details["fields"]) == ("group.created", ["name"])


# Permissions


def give(user: User, *names: str) -> None:
    user.user_permissions.set(Permission.objects.filter(codename__in=names))


def test_staff_cannot_grant_permissions(database: None) -> None:
    support = make_staff(is_superuser=False)
    give(support, "view_user", "change_user")
    browser = signed_in(support)
    form = {"name": "Eve", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    assert browser.post(f"{ADMIN}accounts/user/{support.pk}/change/", form).status_code == 403
    other = UserFactory.create()
    assert browser.post(f"{ADMIN}accounts/user/{other.pk}/change/", form).status_code == 302
    other.refresh_from_db()
    assert (other.name, other.is_staff, other.is_superuser) == ("Eve", False, False)
    boss = make_staff()
    assert browser.post(f"{ADMIN}accounts/user/{boss.pk}/change/", form).status_code == 403
    # Of tables that the staff may not view, no rows are shown.
    assert user_tables(browser, other.pk) == {}
    refused = browser.get(f"{ADMIN}projects/project/")
    assert (refused.status_code, "may not do this" in refused.text) == (403, True)
    # Staff cannot set passwords of others.
    assert browser.get(f"{ADMIN}accounts/user/{other.pk}/password/").status_code != 200


def test_hidden_columns_cannot_be_filtered(staff: Client) -> None:
    UserSessionFactory.create(django_session_key="secret")
    for lookup in (
        "accounts/usersession/?django_session_key__startswith=s",
        "accounts/user/?password__startswith=a",
        "accounts/usersession/?user__password__startswith=a",
        "mfa/authenticator/?data__contains=s",
    ):
        assert staff.get(ADMIN + lookup).status_code == 400, lookup
    shown = staff.get(f"{ADMIN}accounts/usersession/{first(UserSession).pk}/change/")
    assert "django_session_key" not in shown.text


def test_users_without_is_staff_are_refused(factory: Factory) -> None:
    ada = factory.user()
    for path in ("", "projects/project/", "accounts/user/", "autocomplete/", "password_change/"):
        answer = Client().get(ADMIN + path)
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith(f"{ADMIN}login/?next="), path
    user = User.objects.get(id=ada.id)
    user.set_password(PASSWORD)
    user.save()
    browser = Client()
    assert sign_in(browser, user.email).status_code == 200
    assert browser.get(ADMIN).status_code == 302
    # Neither the cookie of a sign-in to the API nor an access token opens the admin.
    credentials = {"email": user.email, "password": PASSWORD}
    answer = browser.post(
        "/_allauth/browser/v1/auth/login",
        credentials,
        content_type="application/json",
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 200
    assert browser.get(ADMIN).status_code == 302
    assert Client().get(ADMIN, headers=ada.headers).status_code == 302


# Sign-in and sign-out


def test_sign_in_needs_the_totp_code(me: User) -> None:
    app = set_up_totp(me)
    browser = Client()
    for code, error in (("", "Enter the code."), ("000000", "The code is wrong")):
        refused = sign_in(browser, me.email, code)
        assert (refused.status_code, browser.get(ADMIN).status_code) == (200, 302)
        assert error in refused.text
    # Whether there is a second factor is told after the password only.
    assert "Enter the code." not in sign_in(browser, me.email, password="another one").text
    code = app.now()
    assert sign_in(browser, me.email, code).status_code == 302
    assert browser.get(ADMIN).status_code == 200
    # A code is accepted once.
    assert sign_in(Client(), me.email, code).status_code == 200


def api_session(email: str) -> Client:
    """Sign in to the API, with a password and a cookie."""
    browser = Client()
    answer = browser.post(
        "/_allauth/browser/v1/auth/login",
        {"email": email, "password": PASSWORD},
        content_type="application/json",
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 200
    return browser


def test_production_requires_a_second_factor(me: User, monkeypatch: pytest.MonkeyPatch) -> None:
    early = signed_in(me)
    of_the_api = api_session(me.email)
    assert of_the_api.get(ADMIN).status_code == 200
    monkeypatch.setitem(settings.__dict__, "environment", "production")
    browser = Client()
    assert sign_in(browser, me.email).status_code == 302
    for refused in (browser, early, of_the_api):
        assert refused.get(ADMIN).status_code == 302
        assert refused.get(f"{ADMIN}accounts/user/").status_code == 302
    app = set_up_totp(me)
    assert sign_in(browser, me.email, app.now()).status_code == 302
    assert browser.get(ADMIN).status_code == 200


def test_session_without_the_second_factor_is_refused(me: User) -> None:
    browser = api_session(me.email)
    assert browser.get(ADMIN).status_code == 200
    app = set_up_totp(me)
    assert browser.get(ADMIN).status_code == 302
    assert sign_in(browser, me.email, app.now()).status_code == 302
    assert browser.get(ADMIN).status_code == 200


def test_sign_in_attempts_are_limited(me: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.__dict__, "rate_limit_enabled", True)
    monkeypatch.setitem(settings.__dict__, "rate_limit_sign_in", "3/minute")
    for _ in range(3):
        assert "is wrong" in sign_in(Client(), me.email, password="another one").text
    assert "Too many requests" in sign_in(Client(), me.email).text


def test_password_change_has_the_rules_of_the_api(me: User) -> None:
    browser, elsewhere = signed_in(me), signed_in(me)
    path = f"{ADMIN}password_change/"
    new = "quiet lantern 42 meadow"
    form = {"old_password": "wrong", "new_password1": new, "new_password2": new}
    assert "The password is wrong" in browser.post(path, form).text
    weak = {"old_password": PASSWORD, "new_password1": "password", "new_password2": "password"}
    assert browser.post(path, weak).status_code == 200
    assert browser.post(path, form | {"old_password": PASSWORD}).status_code == 302
    assert browser.get(f"{path}done/").status_code == 200
    assert elsewhere.get(ADMIN).status_code == 302
    assert last_note(me)[0] == "password.changed"
    assert sign_in(Client(), me.email, password=new).status_code == 302
    # The API accepts the browser's new cookie.
    assert browser.get("/api/v1/me").json()["email"] == me.email


def test_sign_out_ends_the_session(staff: Client, me: User) -> None:
    assert staff.get(f"{ADMIN}logout/").status_code == 405
    assert staff.post(f"{ADMIN}logout/").status_code == 200
    assert staff.get(ADMIN).status_code == 302
    assert last_note(me)[0] == "session.ended"
    assert not UserSession.objects.filter(user=me, revoked_at=None).exists()


def test_forms_need_a_csrf_token(me: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    assert sign_in(browser, me.email).status_code == 403


def test_the_index_has_one_section_for_each_subject(staff: Client) -> None:
    sections = [app["name"] for app in staff.get(ADMIN).context["app_list"]]
    assert sections == sorted(sections, key=str.lower)
    assert set(sections) == {
        apps.get_app_config(name).verbose_name
        for name in (*MODULES, "core")
        if list(apps.get_app_config(name).get_models())
    }
    assert {"Users and sign-in", "API keys", "Jobs and operations"} <= set(sections)
    for label in {model._meta.app_label for model in REGISTERED}:
        assert staff.get(f"{ADMIN}{label}/").status_code == 200, label
    assert staff.get(f"{ADMIN}nothing/").status_code == 404


# ADMIN_PATH and staff


def test_the_path_is_a_setting() -> None:
    code = (
        "import django; django.setup(); from django.urls import reverse;"
        "from app.core.web.middleware import BROWSER_PATHS;"
        "print(reverse('admin:index'), BROWSER_PATHS[0])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"ADMIN_PATH": "back/office", "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["/back/office/", "/back/office/"]


@pytest.mark.parametrize(
    "path",
    ["", "/admin", "admin/", "a//b", "a b", "../x", "api", "api/x", "_allauth", "static", "livez"],
)
def test_invalid_admin_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="admin_path"):
        Settings(admin_path=path)


def test_staff_is_created_by_a_command(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD))
    call_command("users", "create", "first@example.com", "--verified", "--staff")
    user = User.objects.get(email="first@example.com")
    assert (user.is_staff, user.is_superuser, user.check_password(PASSWORD)) == (True, True, True)
    assert last_note(user)[0] == "staff.made"

    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD))
    with pytest.raises(CommandError, match="never verified"):
        call_command("users", "create", "second@example.com", "--staff")
    assert not User.objects.filter(email="second@example.com").exists()


def test_staff_is_made_and_revoked_by_commands(me: User, staff: Client) -> None:
    user = UserFactory.create(password=PASSWORD)

    def call(*arguments: str) -> str:
        try:
            call_command("users", *arguments)
        except CommandError as error:
            return str(error)
        return ""

    assert call("make-staff", user.email.upper()) == ""
    browser = signed_in(user)
    assert browser.get(f"{ADMIN}projects/project/").status_code == 200
    assert last_note(user)[0] == "session.opened"
    assert "already" in call("make-staff", user.email)
    assert call("revoke-staff", user.email) == ""
    assert browser.get(ADMIN).status_code == 302
    assert last_note(user)[0] == "staff.revoked"
    assert "No such account" in call("make-staff", "unknown@example.com")
    pending = UserFactory.create(email_verified_at=None)
    assert "never verified" in call("make-staff", pending.email)
