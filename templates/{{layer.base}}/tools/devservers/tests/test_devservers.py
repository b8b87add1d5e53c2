"""Child processes end with their parent; servers of others are neither stopped nor replaced."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.devservers import (
    ROOT,
    ManagedProcess,
    Postgres,
    ServerError,
    Urls,
    Valkey,
    development,
    servers,
)
from tools.devservers.__main__ import find_psql
from tools.devservers.server import Server

URLS = {
    "DATABASE_URL": "postgresql://app_user:x@db.example/app",
    "MIGRATION_DATABASE_URL": "postgresql://app_owner:x@db.example/app",
    "REDIS_URL": "redis://redis.example:6379/0",
}


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def is_gone(pid: int) -> bool:
    found = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    # A zombie has ended: its parent has not waited for it yet.
    return found.stdout.strip().startswith("Z") or not found.stdout.strip()


def test_a_process_ends_when_its_parent_is_killed() -> None:
    script = """
        import os, signal
        from tools.devservers import ManagedProcess
        print(ManagedProcess(["sleep", "600"]).popen.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    pid = int(killed.stdout)
    assert within(10, lambda: is_gone(pid))


def test_a_process_that_ignores_the_stop_signal_is_killed() -> None:
    process = ManagedProcess(["sh", "-c", "trap '' TERM; echo; sleep 600"], output=subprocess.PIPE)
    assert process.popen.stdout
    process.popen.stdout.readline()
    assert process.stop(timeout=0.2) == -signal.SIGKILL
    process.popen.stdout.close()


@pytest.mark.parametrize("pid", [os.getpid(), 2**22 + 1], ids=["reused", "unused"])
def test_the_lock_of_a_killed_postgres_is_removed(tmp_path: Path, pid: int) -> None:
    postgres = Postgres(tmp_path, "password")
    postgres.data.mkdir()
    lock = postgres.data / "postmaster.pid"
    lock.write_text(f"{pid}\n{postgres.data}\n")
    postgres._remove_stale_lock()
    assert not lock.exists()


@pytest.mark.parametrize("server_class", [Postgres, Valkey])
def test_a_path_can_contain_spaces_and_quotes(server_class: type[Server]) -> None:
    # Not in tmp_path: each start of pytest closes its directory to the user PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix='Zoë\'s "new" clone ') as directory:
        server = server_class(Path(directory), "password", throw_away=True)
        try:
            server.start()
        finally:
            server.stop()


def test_configured_servers_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "VAR", tmp_path)
    for name, url in URLS.items():
        monkeypatch.setenv(name, url)
    with development() as first:
        assert first.urls.environment() == URLS
        assert not first.started
        # A second command shares the servers, unless it asks for servers of its own.
        with development() as second:
            assert second.urls == first.urls
        with (
            pytest.raises(ServerError, match="already"),
            development(shared=False),
        ):
            pass
    assert {path.name for path in tmp_path.iterdir()} == {"servers.lock", "servers.json"}


def test_psql_gets_the_url_from_its_environment() -> None:
    url = "postgresql+psycopg://app:p%40ss@db.example:5433/app?sslmode=require"
    assert Urls(url, url, "redis://redis.example").libpq_environment() == {
        "PGHOST": "db.example",
        "PGPORT": "5433",
        "PGUSER": "app",
        "PGPASSWORD": "p@ss",
        "PGDATABASE": "app",
        "PGSSLMODE": "require",
    }


def test_psql_of_the_machine_is_used_without_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Path(find_psql()).is_file()

    def fail(name: str) -> str:
        raise ServerError(f"{name} is not installed")

    monkeypatch.setattr("tools.devservers.__main__.find_executable", fail)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/psql")
    assert find_psql() == "/usr/bin/psql"
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ServerError, match="neither") as raised:
        find_psql()
    assert "\n" not in str(raised.value)
