"""The command `migrate`, run by several deployments at the same time."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.settings import settings
from tools.devservers import ROOT, ManagedProcess

LOCK = "hashtext('migrations')"
WAITING = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture
def owner() -> Iterator[psycopg.Connection]:
    """A connection of the owner, with a second, empty schema to migrate."""
    with psycopg.connect(settings.migration_database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA deployed")
        yield connection
        connection.execute("DROP SCHEMA deployed CASCADE")


def test_concurrent_migrations_wait_for_each_other(
    owner: psycopg.Connection, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "MIGRATION_DATABASE_URL": f"{settings.migration_database_url}"
        "?options=-csearch_path%3Ddeployed",
    }
    owner.execute(f"SELECT pg_advisory_lock({LOCK})")
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "app", "migrate"]
        deployments = [
            ManagedProcess(command, env=environment, cwd=ROOT, output=log.fileno())
            for _ in range(2)
        ]
    try:
        while owner.execute(WAITING).fetchone() != (2,):
            assert [deployment.popen.poll() for deployment in deployments] == [None, None]
            time.sleep(0.1)
        time.sleep(4)  # longer than the lock_timeout of migrations
        assert [deployment.popen.poll() for deployment in deployments] == [None, None]
        owner.execute(f"SELECT pg_advisory_unlock({LOCK})")
        assert [deployment.popen.wait(60) for deployment in deployments] == [0, 0]
    finally:
        for deployment in deployments:
            deployment.stop()
    made = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'deployed'").fetchall()
    assert {("users",), ("projects",), ("outbox",)} <= set(made)
