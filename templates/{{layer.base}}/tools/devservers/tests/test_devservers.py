"""Child processes end with their parent; servers of others are neither stopped nor replaced."""

import fcntl
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import httpx2
import pytest

from tools.devservers import (
    HOST,
    ROOT,
    ManagedProcess,
    Postgres,
    ServerError,
    Urls,
    Valkey,
    dev,
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


def test_a_process_records_its_sources_and_accepts_on_the_socket_of_its_parent(
    tmp_path: Path,
) -> None:
    record = tmp_path / "sources"
    with socket.create_server((HOST, 0)) as listener:
        number = fcntl.fcntl(listener, fcntl.F_DUPFD_CLOEXEC, 10)
        command = [sys.executable, "-m", "tools.devservers.app_process", str(record), str(number)]
        process = ManagedProcess(
            [*command, "web"], cwd=ROOT, env=os.environ | URLS, inherited=(number,)
        )
        try:
            address = f"http://{HOST}:{listener.getsockname()[1]}"
            assert httpx2.get(f"{address}/livez", timeout=60).status_code == 200
        finally:
            process.stop()
            os.close(number)
    loaded = record.read_text().splitlines()
    assert str(ROOT / "src" / "app" / "projects" / "routes.py") in loaded
    assert str(ROOT / "src" / "app" / "core" / "jobs" / "worker.py") not in loaded


def test_breakpoint_opens_on_the_terminal() -> None:
    terminal, name = pty.openpty()
    env = {
        "PYTHONBREAKPOINT": "tools.devservers.app_process.set_trace",
        "DEV_TERMINAL": os.ttyname(name),
    }
    code = "number = 41\nbreakpoint()\nprint(number)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.write(terminal, b"number = 42\nc\n")
    output, _ = process.communicate(timeout=60)
    assert output == "42\n"
    os.close(name)
    os.close(terminal)


def test_a_port_in_use_is_an_error() -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServerError, match=f"port {port} .*: Address already in use"):
            dev.listen(HOST, port)


class Process(dev.AppProcess):
    """Runs a shell command instead of the service, and has loaded the files given to it."""

    def __init__(self, name: str, command: str, *files: str) -> None:
        self.command = command
        self.files = files
        self.starts = 0
        super().__init__(name, {})

    def _start(self) -> None:
        self.starts += 1
        self.record.write_text("\n".join(self.files))
        self.process = ManagedProcess(["sh", "-c", self.command])
        self.reader = Thread()
        self.reader.start()

    def finish(self) -> int:
        """Complete a restart, if there is one; return how often the process was started."""
        end = time.monotonic() + 20
        while self.restart_by and time.monotonic() < end:
            self.check()
        return self.starts


@pytest.fixture
def run_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Process]]:
    monkeypatch.setattr(dev, "VAR", tmp_path)
    monkeypatch.setattr(dev, "STOP_SECONDS", 0.2)
    with ExitStack() as stack:

        def run(*arguments: str) -> Process:
            process = Process(*arguments)
            stack.callback(process.stop, 0)
            return process

        yield run


def test_a_change_restarts_what_has_loaded_the_file(run_process: Callable[..., Process]) -> None:
    web = run_process("web", "sleep 600", "routes.py", "models.py")
    worker = run_process("worker", "sleep 600", "models.py")
    for changed, expected in (
        ({"routes.py"}, (2, 1)),
        ({"models.py"}, (3, 2)),
        ({"new.py"}, (4, 3)),
    ):
        dev.restart([web, worker], changed)
        assert (web.finish(), worker.finish()) == expected
    # Its next start fails before it loads a file, and the repair still concerns it alone.
    web.files = ()
    dev.restart([web, worker], {"routes.py"})
    assert (web.finish(), worker.finish()) == (5, 3)
    dev.restart([web, worker], {"routes.py"})
    assert (web.finish(), worker.finish()) == (6, 3)


def test_a_process_that_does_not_stop_is_killed_and_restarted(
    run_process: Callable[..., Process],
) -> None:
    worker = run_process("worker", "trap '' TERM; while :; do sleep 0.1; done", "models.py")
    dev.restart([worker], {"models.py"})
    assert worker.finish() == 2


def test_a_process_that_fails_after_a_restart_waits_for_a_change(
    run_process: Callable[..., Process], capsys: pytest.CaptureFixture[str]
) -> None:
    web = run_process("web", "sleep 600", "routes.py")
    web.command = "exit 3"
    dev.restart([web], {"routes.py"})
    assert web.finish() == 2
    web.process.popen.wait()
    web.check()
    assert "web exited with status 3: waiting for a change" in capsys.readouterr().out
    web.check()  # and logs it once
    assert not capsys.readouterr().out
    dev.restart([web], {"other.py"})
    assert web.finish() == 3


def test_a_process_that_fails_at_the_start_ends_everything(
    run_process: Callable[..., Process],
) -> None:
    web = run_process("web", "exit 3")
    web.process.popen.wait()
    with pytest.raises(ServerError, match="web exited unexpectedly with status 3"):
        web.check()


def test_chosen_debugger_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONBREAKPOINT", raising=False)
    assert dev.debugger()["PYTHONBREAKPOINT"]
    monkeypatch.setenv("PYTHONBREAKPOINT", "debugpy.breakpoint")
    assert dev.debugger() == {}
