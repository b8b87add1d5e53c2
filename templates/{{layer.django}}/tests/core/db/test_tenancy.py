"""Rule 6: row-level security separates tenants, also for a query without a condition."""

# ruff: noqa: S608 - the names of tables come from the catalog

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import ProgrammingError, connections, transaction
from django.db.models import Model

from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work
from app.core.ids import uuid7
from app.core.models import TenantManager
from tests.creations import CREATIONS
from tests.factories import Factory, SignedInUser
from tests.tenant_rows import create_row

pytestmark = pytest.mark.usefixtures("database")

# Tables without an organization. Add one only if none of its rows belongs to an organization:
# other tables have organization_id and a policy.
GLOBAL = {
    "account_emailaddress",
    "account_emailconfirmation",
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_admin_log",
    "django_content_type",
    "django_migrations",
    "django_session",
    "email_tokens",
    "idempotency_keys",
    "identities",
    "mfa_authenticator",
    "outbox",
    "refresh_tokens",
    "security_events",
    "sessions",
    "users",
    "users_groups",
    "users_user_permissions",
}
APPEND_ONLY = ("audit_events", "security_events")


@dataclass(frozen=True)
class Tenant:
    """An organization with something in each of its tables."""

    owner: SignedInUser
    organization: UUID


def _tenant(factory: Factory) -> Tenant:
    owner = factory.user()
    organization = factory.organization(owner)
    for path, _ in CREATIONS:
        create_row(owner, organization, path)
    return Tenant(owner, organization)


def _all(sql: str, *parameters: Any, using: str = "default") -> list[tuple[Any, ...]]:
    with connections[using].cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def _tenant_tables() -> dict[str, str]:
    """Return the column of each table that its policy compares with the organization."""
    rows = _all(
        """
        SELECT c.relname, EXISTS (
            SELECT FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped
        )
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        """
    )
    owned = {name: "organization_id" for name, is_owned in rows if is_owned}
    unowned = {name for name, _ in rows} - set(owned) - {"organizations"}
    assert unowned == GLOBAL, (
        "tables without organization_id: add the foreign key `organization` to their models, or add"
        f" them to GLOBAL in tests/core/db/test_tenancy.py: {sorted(unowned ^ GLOBAL)}"
    )
    return owned | {"organizations": "id"}


@contextmanager
def _inside(organization: UUID) -> Iterator[None]:
    with unit_of_work():
        tenancy.enter_organization(organization)
        yield


@contextmanager
def _as_staff() -> Iterator[None]:
    with unit_of_work():
        tenancy.enter_staff()
        yield


def test_every_tenant_table_has_forced_policies() -> None:
    for table, column in _tenant_tables().items():
        secured = _all(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class"
            " WHERE oid = CAST(%s AS regclass)",
            table,
        )
        assert secured == [(True, True)], table
        policies = _all(
            "SELECT cmd, qual, with_check FROM pg_policies"
            " WHERE schemaname = 'public' AND tablename = %s",
            table,
        )
        tenant = {cmd: (qual, check) for cmd, qual, check in policies if _is_tenant(qual, check)}
        others = [policy for policy in policies if not _is_tenant(*policy[1:])]
        if table in APPEND_ONLY:
            assert {policy[0] for policy in policies} == {"SELECT", "INSERT"}, table
            assert set(tenant) == {"SELECT", "INSERT"}, table
        else:
            assert all(clause and f"({column} = " in clause for clause in tenant["ALL"]), table
        # Other policies let users read their own memberships and organizations, not change them.
        assert all(cmd == "SELECT" and "app.user_id" in qual for cmd, qual, _ in others), table


def _is_tenant(qual: str | None, check: str | None) -> bool:
    return "app.organization_id" in (qual or "") + (check or "")


def test_the_service_is_neither_owner_nor_privileged() -> None:
    role = _all(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
        " WHERE rolname = current_user",
    )
    assert role == [(False, False, False, False)]
    owners = _all(
        "SELECT DISTINCT relowner::regrole::text, pg_has_role(current_user, relowner, 'MEMBER')"
        " FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    )
    assert [is_member for _, is_member in owners] == [False]
    for privilege in ("TRUNCATE", "REFERENCES", "TRIGGER"):
        granted = _all(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind = 'r' AND has_table_privilege(oid, %s)",
            privilege,
        )
        assert granted == [], privilege


def test_query_without_a_condition_sees_one_tenant(factory: Factory) -> None:
    tenants = [_tenant(factory) for _ in range(2)]
    for tenant in tenants:
        with _inside(tenant.organization):
            for table, column in _tenant_tables().items():
                found = _all(f"SELECT {column} FROM {table}")
                assert found, (
                    f"no rows in {table}: add the request that creates one to CREATIONS in"
                    " tests/creations.py"
                )
                assert {row[0] for row in found} == {tenant.organization}, table


def test_without_a_tenant_no_row_is_found_or_changed(factory: Factory) -> None:
    _tenant(factory)
    with unit_of_work():
        for table in _tenant_tables():
            assert _all(f"SELECT 1 FROM {table}") == [], table
            for statement in (f"UPDATE {table} SET created_at = now()", f"DELETE FROM {table}"):
                assert _all(f"{statement} RETURNING 1") == [], statement


def test_writes_to_another_tenant_are_refused(factory: Factory) -> None:
    mine, other = _tenant(factory), _tenant(factory)
    new = uuid7()
    insert = "INSERT INTO projects (organization_id, id, name, name_key) VALUES (%s, %s, 'x', 'x')"
    move = "UPDATE projects SET organization_id = %s WHERE id <> %s"

    def attempt(inside: UUID | None, statement: str) -> None:
        with unit_of_work():
            if inside:
                tenancy.enter_organization(inside)
            _all(f"{statement} RETURNING 1", other.organization, new)

    for inside, statement in (
        (mine.organization, insert),
        (mine.organization, move),
        (None, insert),
    ):
        with pytest.raises(ProgrammingError, match="row-level security"):
            attempt(inside, statement)


def test_users_read_their_memberships_and_change_none(factory: Factory) -> None:
    ada, eve = _tenant(factory), _tenant(factory)
    with unit_of_work():
        tenancy.enter_user(ada.owner.id)
        assert _all("SELECT id FROM organizations") == [(ada.organization,)]
        memberships = _all("SELECT organization_id, user_id FROM memberships")
        assert memberships == [(ada.organization, ada.owner.id)]
        assert _all("SELECT 1 FROM projects") == []
        for statement in (
            "UPDATE memberships SET role = 'viewer' RETURNING 1",
            "DELETE FROM memberships RETURNING 1",
            "UPDATE organizations SET name = 'x' RETURNING 1",
        ):
            assert _all(statement) == [], statement

    def join() -> None:
        with unit_of_work():
            tenancy.enter_user(ada.owner.id)
            _all(
                "INSERT INTO memberships (id, organization_id, user_id, role)"
                " VALUES (%s, %s, %s, 'owner') RETURNING 1",
                uuid7(),
                eve.organization,
                ada.owner.id,
            )

    with pytest.raises(ProgrammingError, match="row-level security"):
        join()


def test_logs_are_append_only(factory: Factory) -> None:
    tenant = _tenant(factory)
    for open_to in (_inside(tenant.organization), _as_staff()):
        with open_to:
            _all(
                "INSERT INTO security_events (id, user_id, action, request_id, details)"
                " VALUES (%s, %s, 'test.happened', '-', '{}') RETURNING 1",
                uuid7(),
                tenant.owner.id,
            )
            for table in APPEND_ONLY:
                before = _all(f"SELECT * FROM {table} ORDER BY id")
                assert before
                for statement in (
                    f"UPDATE {table} SET action = 'forged' RETURNING 1",
                    f"DELETE FROM {table} RETURNING 1",
                ):
                    assert _all(statement) == [], statement
                assert _all(f"SELECT * FROM {table} ORDER BY id") == before


def test_deleting_an_organization_takes_all_its_rows(factory: Factory) -> None:
    tenant = _tenant(factory)
    answer = tenant.owner.request("DELETE", f"/organizations/{tenant.organization}")
    assert answer.status_code == 204, answer.text
    with _inside(tenant.organization):
        for table in _tenant_tables():
            assert _all(f"SELECT 1 FROM {table}") == [], table


def test_one_transaction_has_one_tenant(factory: Factory) -> None:
    tenants = [_tenant(factory) for _ in range(2)]
    with unit_of_work():
        for tenant in tenants:
            tenancy.enter_organization(tenant.organization)
            tenancy.enter_organization(tenant.organization)
            assert _all("SELECT id FROM organizations") == [(tenant.organization,)]
            with pytest.raises(RuntimeError, match="another organization"):
                tenancy.enter_organization(uuid7())
            tenancy.leave_organization()
            assert _all("SELECT id FROM organizations") == []


@pytest.mark.committed
def test_tenant_ends_with_the_transaction(factory: Factory) -> None:
    tenant = _tenant(factory)
    with unit_of_work():
        tenancy.enter_organization(tenant.organization)
        tenancy.enter_user(tenant.owner.id)
        tenancy.enter_staff()
        process = _all("SELECT pg_backend_pid()")
    with unit_of_work():
        # The same connection, from the pool.
        assert _all("SELECT pg_backend_pid()") == process
        assert _all("SELECT 1 FROM memberships") == []


@pytest.mark.committed
def test_policies_bind_the_owner_of_the_tables(factory: Factory) -> None:
    _, tenant = _tenant(factory), _tenant(factory)
    tables = _tenant_tables()
    with transaction.atomic(using="owner"):
        for table in tables:
            assert _all(f"SELECT 1 FROM {table}", using="owner") == [], table
        _all(
            "SELECT set_config('app.organization_id', %s, true)",
            str(tenant.organization),
            using="owner",
        )
        visible = _all("SELECT DISTINCT organization_id FROM projects", using="owner")
        assert visible == [(tenant.organization,)]
    connections["owner"].close()


# Staff, in the admin.


def test_staff_transactions_see_every_tenant_and_others_none(factory: Factory) -> None:
    tenants = {_tenant(factory).organization for _ in range(2)}
    for table, column in _tenant_tables().items():
        with _as_staff():
            assert {row[0] for row in _all(f"SELECT {column} FROM {table}")} == tenants, table
        with unit_of_work():
            assert _all(f"SELECT 1 FROM {table}") == [], table


# The manager `tenant`, which adds the condition.

TENANT_MODELS = [
    model
    for model in apps.get_models()
    if isinstance(getattr(model, "tenant", None), TenantManager)
]


def test_tenant_tables_have_the_manager_tenant() -> None:
    assert {model._meta.db_table for model in TENANT_MODELS} == set(_tenant_tables())


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model.__name__)
def test_manager_tenant_raises_without_an_organization(
    model: type[Model], factory: Factory
) -> None:
    tenant = _tenant(factory)
    manager: Any = model.tenant  # type: ignore[attr-defined]  # every model of TENANT_MODELS has it
    with pytest.raises(RuntimeError, match="no unit of work"):
        manager.exists()
    with unit_of_work():
        with pytest.raises(RuntimeError, match="has no organization"):
            manager.exists()
        assert not model._default_manager.exists()
    with _inside(tenant.organization):
        assert manager.exists()
        assert tenant.organization.hex in str(manager.all().query).replace("-", "")
    with _as_staff():
        assert manager.exists()
