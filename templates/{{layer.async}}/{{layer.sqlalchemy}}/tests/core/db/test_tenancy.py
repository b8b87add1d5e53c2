"""Rule 6: row-level security isolates tenants even if a query has no tenant condition."""

# ruff: noqa: S608 - table names come from the system catalog

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import tenancy
from app.core.db.engine import engine
from app.core.db.unit_of_work import unit_of_work
from app.core.ids import uuid7
from app.settings import settings
from tests.creations import CREATIONS
from tests.factories import Factory, SignedInUser
from tests.tenant_rows import create_row

# Tables that belong to no organization. Add a table here only if its rows belong to no tenant;
# every other table has organization_id and a policy.
GLOBAL = {
    "alembic_version",
    "email_tokens",
    "idempotency_keys",
    "identities",
    "outbox",
    "recovery_codes",
    "refresh_tokens",
    "security_events",
    "sessions",
    "users",
}
APPEND_ONLY = ("audit_events", "security_events")


@dataclass(frozen=True)
class Tenant:
    """An organization with rows in each tenant table, and its owner."""

    owner: SignedInUser
    organization: UUID


async def _tenant(factory: Factory) -> Tenant:
    owner = await factory.user()
    organization = await factory.organization(owner)
    for path, _ in CREATIONS:
        await create_row(owner, organization, path)
    return Tenant(owner, organization)


async def _fetch_all(session: AsyncSession, sql: str, **parameters: Any) -> list[Any]:
    return list((await session.execute(text(sql), parameters)).all())


async def _tenant_tables(session: AsyncSession) -> dict[str, str]:
    """Return the column with the organization id, by table."""
    rows = await _fetch_all(
        session,
        """
        SELECT c.relname, EXISTS (
            SELECT FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped
        )
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        """,
    )
    owned = {name: "organization_id" for name, is_owned in rows if is_owned}
    unowned = {name for name, _ in rows} - set(owned) - {"organizations"}
    assert unowned == GLOBAL, (
        "tables without organization_id: derive their models from TenantOwned, or add them to"
        f" GLOBAL in tests/core/db/test_tenancy.py: {sorted(unowned ^ GLOBAL)}"
    )
    return owned | {"organizations": "id"}


@asynccontextmanager
async def _in_organization(organization: UUID) -> AsyncIterator[AsyncSession]:
    async with unit_of_work() as session:
        await tenancy.enter_organization(session, organization)
        yield session


async def test_every_tenant_table_has_forced_policies(session: AsyncSession) -> None:
    for table, column in (await _tenant_tables(session)).items():
        secured = await _fetch_all(
            session,
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class"
            " WHERE oid = CAST(:table AS regclass)",
            table=table,
        )
        assert secured == [(True, True)], table
        policies = await _fetch_all(
            session,
            "SELECT cmd, qual, with_check FROM pg_policies"
            " WHERE schemaname = 'public' AND tablename = :table",
            table=table,
        )
        tenant = {cmd: (qual, check) for cmd, qual, check in policies if _is_tenant(qual, check)}
        others = [policy for policy in policies if not _is_tenant(*policy[1:])]
        if table in APPEND_ONLY:
            assert {policy[0] for policy in policies} == {"SELECT", "INSERT"}, table
            assert set(tenant) == {"SELECT", "INSERT"}, table
        else:
            assert all(clause and f"({column} = " in clause for clause in tenant["ALL"]), table
        # The other policies are read-only: a user finds their own organizations.
        assert all(cmd == "SELECT" and "app.user_id" in qual for cmd, qual, _ in others), table


def _is_tenant(qual: str | None, check: str | None) -> bool:
    return "app.organization_id" in (qual or "") + (check or "")


async def test_service_role_owns_nothing_and_has_no_privileges(session: AsyncSession) -> None:
    role = await _fetch_all(
        session,
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
        " WHERE rolname = current_user",
    )
    assert role == [(False, False, False, False)]
    owners = await _fetch_all(
        session,
        "SELECT DISTINCT relowner::regrole::text, pg_has_role(current_user, relowner, 'MEMBER')"
        " FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    )
    assert [is_member for _, is_member in owners] == [False]
    for privilege in ("TRUNCATE", "REFERENCES", "TRIGGER"):
        granted = await _fetch_all(
            session,
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind = 'r' AND has_table_privilege(oid, :privilege)",
            privilege=privilege,
        )
        assert granted == [], privilege


async def test_query_without_a_condition_returns_one_tenant(factory: Factory) -> None:
    tenants = [await _tenant(factory) for _ in range(2)]
    for tenant in tenants:
        async with _in_organization(tenant.organization) as session:
            for table, column in (await _tenant_tables(session)).items():
                found = await _fetch_all(session, f"SELECT {column} FROM {table}")
                assert found, (
                    f"no rows in {table}: add the request that creates one to CREATIONS in"
                    " tests/creations.py"
                )
                assert {row[0] for row in found} == {tenant.organization}, table


async def test_without_a_tenant_no_row_is_visible_or_changeable(factory: Factory) -> None:
    await _tenant(factory)
    async with unit_of_work() as session:
        for table in await _tenant_tables(session):
            assert await _fetch_all(session, f"SELECT 1 FROM {table}") == [], table
            for statement in (f"UPDATE {table} SET created_at = now()", f"DELETE FROM {table}"):
                changed = await session.execute(text(f"{statement} RETURNING 1"))
                assert changed.all() == [], statement


async def test_rows_of_another_tenant_cannot_be_written(factory: Factory) -> None:
    mine, other = await _tenant(factory), await _tenant(factory)
    values = {"id": uuid7(), "organization": other.organization}
    insert = (
        "INSERT INTO projects (id, organization_id, name, name_key)"
        " VALUES (:id, :organization, 'x', 'x')"
    )
    move = "UPDATE projects SET organization_id = :organization WHERE id <> :id"

    async def attempt(inside: UUID | None, statement: str) -> None:
        async with unit_of_work() as session:
            if inside:
                await tenancy.enter_organization(session, inside)
            await session.execute(text(statement), values)

    for inside, statement in (
        (mine.organization, insert),
        (mine.organization, move),
        (None, insert),
    ):
        with pytest.raises(ProgrammingError, match="row-level security"):
            await attempt(inside, statement)


async def test_user_reads_own_memberships_but_changes_none(factory: Factory) -> None:
    ada, eve = await _tenant(factory), await _tenant(factory)
    async with unit_of_work() as session:
        await tenancy.enter_user(session, ada.owner.id)
        assert await _fetch_all(session, "SELECT id FROM organizations") == [(ada.organization,)]
        memberships = await _fetch_all(session, "SELECT organization_id, user_id FROM memberships")
        assert memberships == [(ada.organization, ada.owner.id)]
        assert await _fetch_all(session, "SELECT 1 FROM projects") == []
        for statement in (
            "UPDATE memberships SET role = 'viewer' RETURNING 1",
            "DELETE FROM memberships RETURNING 1",
            "UPDATE organizations SET name = 'x' RETURNING 1",
        ):
            assert await _fetch_all(session, statement) == [], statement

    async def join() -> None:
        async with unit_of_work() as session:
            await tenancy.enter_user(session, ada.owner.id)
            await session.execute(
                text("INSERT INTO memberships VALUES (:organization, :user, 'owner')"),
                {"organization": eve.organization, "user": ada.owner.id},
            )

    with pytest.raises(ProgrammingError, match="row-level security"):
        await join()


async def test_audit_tables_are_append_only(factory: Factory) -> None:
    tenant = await _tenant(factory)
    async with _in_organization(tenant.organization) as session:
        await session.execute(
            text(
                "INSERT INTO security_events (id, user_id, action, request_id)"
                " VALUES (:id, :user, 'test.happened', '-')"
            ),
            {"id": uuid7(), "user": tenant.owner.id},
        )
        for table in APPEND_ONLY:
            before = await _fetch_all(session, f"SELECT * FROM {table} ORDER BY id")
            assert before
            for statement in (
                f"UPDATE {table} SET action = 'forged' RETURNING 1",
                f"DELETE FROM {table} RETURNING 1",
            ):
                assert await _fetch_all(session, statement) == [], statement
            assert await _fetch_all(session, f"SELECT * FROM {table} ORDER BY id") == before


async def test_deleting_an_organization_deletes_all_its_rows(factory: Factory) -> None:
    tenant = await _tenant(factory)
    response = await tenant.owner.request("DELETE", f"/organizations/{tenant.organization}")
    assert response.status_code == 204, response.text
    async with _in_organization(tenant.organization) as session:
        for table in await _tenant_tables(session):
            assert await _fetch_all(session, f"SELECT 1 FROM {table}") == [], table


async def test_transaction_has_one_tenant_at_a_time(factory: Factory) -> None:
    tenants = [await _tenant(factory) for _ in range(2)]
    async with unit_of_work() as session:
        for tenant in tenants:
            await tenancy.enter_organization(session, tenant.organization)
            await tenancy.enter_organization(session, tenant.organization)
            found = await _fetch_all(session, "SELECT id FROM organizations")
            assert found == [(tenant.organization,)]
            with pytest.raises(RuntimeError, match="another organization"):
                await tenancy.enter_organization(session, uuid7())
            await tenancy.leave_organization(session)
            assert await _fetch_all(session, "SELECT id FROM organizations") == []


@pytest.mark.committed
async def test_tenant_ends_with_the_transaction(factory: Factory) -> None:
    tenant = await _tenant(factory)
    await engine.dispose()  # so that the pool contains one connection
    async with _in_organization(tenant.organization) as session:
        await tenancy.enter_user(session, tenant.owner.id)
        connection = (await session.connection()).sync_connection
        process = await _fetch_all(session, "SELECT pg_backend_pid()")
    async with unit_of_work() as session:
        # The pool returns the connection of the previous transaction.
        assert await _fetch_all(session, "SELECT pg_backend_pid()") == process
        assert (await session.connection()).sync_connection is not connection
        assert await _fetch_all(session, "SELECT 1 FROM memberships") == []


@pytest.mark.committed
async def test_policies_bind_the_owner_of_the_tables(factory: Factory) -> None:
    _, tenant = await _tenant(factory), await _tenant(factory)
    async with unit_of_work() as session:
        tables = await _tenant_tables(session)
    owner = create_engine(settings.sqlalchemy_migration_url)
    with owner.begin() as connection:
        for table in tables:
            assert connection.execute(text(f"SELECT 1 FROM {table}")).all() == [], table
        connection.execute(
            text("SELECT set_config('app.organization_id', :id, true)"),
            {"id": str(tenant.organization)},
        )
        visible = connection.scalars(text("SELECT DISTINCT organization_id FROM projects")).all()
        assert visible == [tenant.organization]
    owner.dispose()
