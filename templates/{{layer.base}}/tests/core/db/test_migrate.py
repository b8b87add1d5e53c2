"""`migrate` as deployments run it: by several at once."""

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
    """Give a connection of the owner, who has an empty schema besides the tests' own."""
    with psycopg.connect(settings.migration_database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA deployed")
        yield connection
        connection.execute("DROP SCHEMA deployed CASCADE")


def test_deployments_at_once_take_turns(owner: psycopg.Connection, tmp_path: Path) -> None:
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
            assert [each.popen.poll() for each in deployments] == [None, None]
            time.sleep(0.1)
        time.sleep(4)  # longer than a migration waits for any other lock
        assert [each.popen.poll() for each in deployments] == [None, None]
        owner.execute(f"SELECT pg_advisory_unlock({LOCK})")
        assert [each.popen.wait(60) for each in deployments] == [0, 0]
    finally:
        for each in deployments:
            each.stop()
    made = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'deployed'").fetchall()
    assert {("users",), ("projects",), ("outbox",)} <= set(made)
