"""The servers of development and tests: nothing is left behind, nothing is taken over."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import servers

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
    # What nobody has waited for yet is a zombie: it runs no more.
    return found.stdout.strip().startswith("Z") or not found.stdout.strip()


def test_a_program_does_not_outlive_who_started_it() -> None:
    script = """
        import os, signal
        from scripts.servers import Program
        print(Program(["sleep", "600"]).process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=servers.ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    pid = int(killed.stdout)
    assert within(10, lambda: is_gone(pid))


def test_a_program_that_ignores_the_signal_is_killed() -> None:
    program = servers.Program(["sh", "-c", "trap '' TERM; echo; sleep 600"], output=subprocess.PIPE)
    assert program.process.stdout
    program.process.stdout.readline()
    assert program.stop(timeout=0.2) == -signal.SIGKILL
    program.process.stdout.close()


@pytest.mark.parametrize("pid", [os.getpid(), 2**22 + 1], ids=["of another program", "of none"])
def test_the_lock_of_a_killed_postgres_is_dropped(tmp_path: Path, pid: int) -> None:
    postgres = servers.Postgres(tmp_path, "password")
    postgres.data.mkdir()
    lock = postgres.data / "postmaster.pid"
    lock.write_text(f"{pid}\n{postgres.data}\n")
    postgres._release()
    assert not lock.exists()


def test_given_servers_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "VAR", tmp_path)
    for name, url in URLS.items():
        monkeypatch.setenv(name, url)
    with servers.development() as first:
        assert first.urls.environment() == URLS
        assert not first.started
        # A second command joins in, unless it wants them for itself.
        with servers.development() as second:
            assert second.urls == first.urls
        with (
            pytest.raises(servers.ServerError, match="run already"),
            servers.development(shared=False),
        ):
            pass
    assert {path.name for path in tmp_path.iterdir()} == {"servers.lock", "servers.json"}
