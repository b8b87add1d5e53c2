"""Lists are read along an index, also behind row-level security: 20 tenants, 10,000 rows."""

from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.contrib import admin
from django.db import connection
from django.test import RequestFactory

from app.accounts import queries as accounts
from app.accounts.models import User
from app.api_keys import queries as api_keys
from app.audit import queries as audit
from app.core.admin_site import BaseAdminSite
from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work
from app.organizations import queries as organizations
from app.projects import queries as projects
from app.projects.models import Project
from app.projects.schemas import ProjectSort, ProjectStatus
from tests.plans import explain, fill, scanned

# 20 organizations have all 500 people as members and 500 of everything else; the rest is empty.
FILL = """
SELECT set_config('app.staff', 'on', true);
INSERT INTO organizations (id, name) SELECT gen_random_uuid(), n FROM generate_series(1, 20) n;
INSERT INTO users (id, email, name, password, is_active, is_staff, is_superuser)
    SELECT gen_random_uuid(), n || '@example.com', n, '', true, false, false
    FROM generate_series(1, 500) n;
INSERT INTO memberships (id, organization_id, user_id, role)
    SELECT gen_random_uuid(), o.id, u.id, 'member' FROM organizations o, users u;
INSERT INTO sessions (id, user_id, expires_at)
    SELECT gen_random_uuid(), u.id, now() + interval '1 day' FROM users u, generate_series(1, 20);
INSERT INTO projects (id, organization_id, name, name_key)
    SELECT gen_random_uuid(), o.id, n, n FROM organizations o, generate_series(1, 500) n;
INSERT INTO invitations (id, organization_id, email, role, expires_at)
    SELECT gen_random_uuid(), o.id, n || '@example.com', 'member', now() + interval '1 day'
    FROM organizations o, generate_series(1, 500) n;
INSERT INTO api_keys (id, organization_id, name, prefix, key_hash, scopes)
    SELECT gen_random_uuid(), o.id, n, '', uuid_send(gen_random_uuid()), '[]'
    FROM organizations o, generate_series(1, 500) n;
INSERT INTO audit_events (id, organization_id, action, actor_type, actor_label, target_type,
        changes, request_id)
    SELECT gen_random_uuid(), o.id, 'action.' || n % 5, 'user', '', '', '{}', ''
    FROM organizations o, generate_series(1, 500) n;
INSERT INTO organizations (id, name) SELECT gen_random_uuid(), n FROM generate_series(21, 2000) n;
"""
# What must be found by an index.
LARGE = {"organizations", "memberships", "users", "sessions"}
LARGE |= {"projects", "invitations", "api_keys", "audit_events"}
# Whether one of these is cheaper depends on sampled statistics, and so on chance.
AVOIDABLE = ("sort", "hashjoin", "bitmapscan")


@pytest.fixture
def filled(database: None) -> tuple[UUID, UUID]:
    """Fill the tables; an organization, and one of its people."""
    fill(FILL, LARGE)
    with unit_of_work(), connection.cursor() as cursor:
        tenancy.enter_staff()
        cursor.execute("SELECT organization_id, user_id FROM memberships LIMIT 1")
        organization_id, user_id = cursor.fetchone()
    return organization_id, user_id


def _follows(nodes: list[dict[str, Any]], scope: str) -> bool:
    """Tell whether an index leads to the rows of the scope, in their order."""
    if {node["Node Type"] for node in nodes} & {"Sort", "Incremental Sort"}:
        return False
    return any(
        f"({scope} = " in node.get("Index Cond", "")
        for node in nodes
        if node["Node Type"] in {"Index Scan", "Index Only Scan"}
    )


@pytest.mark.committed
def test_lists_follow_an_index(filled: tuple[UUID, UUID]) -> None:
    organization_id, user_id = filled
    tenants = {"organization_id": organization_id}
    persons = {"user_id": user_id}
    lists: dict[str, tuple[Any, dict[str, Any]]] = {
        "sessions": (accounts.list_sessions, persons),
        "organizations": (organizations.list_organizations, persons),
        "members": (organizations.list_members, tenants),
        "invitations": (organizations.list_invitations, tenants),
        "api_keys": (api_keys.list_api_keys, tenants),
        "events": (audit.list_events, tenants),
        "events by action": (audit.list_events, tenants | {"action": "action.1"}),
        **{
            f"projects by {sort} {status}": (
                projects.list_projects,
                tenants | {"sort": sort, "status": status},
            )
            for sort in ProjectSort
            for status in (None, ProjectStatus.ACTIVE)
        },
    }
    wrong = []
    with unit_of_work():
        tenancy.enter_user(user_id)
        tenancy.enter_organization(organization_id)
        for name, (read, arguments) in lists.items():
            # So small a page that there is a second, which begins at a cursor.
            _, cursor = read(limit=10, cursor=None, **arguments)
            assert cursor is not None
            for begin in (None, cursor):
                page = partial(read, limit=10, cursor=begin, **arguments)
                (planned,) = explain(page, "enable_hashjoin = off")
                # A user's few rows may be sorted or hashed more cheaply; but they need not be.
                (unsorted,) = explain(page, *(f"enable_{name} = off" for name in AVOIDABLE))
                (scope,) = arguments.keys() & {"organization_id", "user_id"}
                if scanned(planned) & LARGE or not _follows(unsorted, scope):
                    wrong.append((name, planned, unsorted))
    assert wrong == []


@pytest.mark.committed
def test_what_requests_look_up_is_found_by_an_index(filled: tuple[UUID, UUID]) -> None:
    organization_id, user_id = filled
    with unit_of_work():
        tenancy.enter_user(user_id)
        tenancy.enter_organization(organization_id)
        (project,), _ = projects.list_projects(organization_id=organization_id, limit=1)
        for read in (
            lambda: organizations.get_role(organization_id, user_id),
            lambda: organizations.count_members(organization_id),
            lambda: organizations.count_owners(organization_id),
            lambda: organizations.list_organization_ids(user_id),
            lambda: organizations.get_member(organization_id=organization_id, user_id=user_id),
            lambda: projects.count_by_status(organization_id),
            lambda: projects.get_project(organization_id=organization_id, project_id=project.id),
            # As `save()` and the admin do.
            lambda: Project.objects.get(id=project.id),
            lambda: accounts.find_user("7@example.com"),
            lambda: accounts.get_users([user_id]),
        ):
            for nodes in explain(read):
                assert not scanned(nodes) & LARGE


@pytest.mark.committed
def test_rows_of_a_user_in_the_admin_are_found_by_an_index(filled: tuple[UUID, UUID]) -> None:
    _, user_id = filled
    request = RequestFactory().get("/")
    request.user = User(is_active=True, is_staff=True, is_superuser=True)
    site = admin.site
    assert isinstance(site, BaseAdminSite)
    with unit_of_work():
        tenancy.enter_staff()
        for nodes in explain(lambda: site.user_tables(request, user_id)):
            # So few organizations are joined faster by a scan.
            assert not scanned(nodes) & (LARGE - {"organizations"})
