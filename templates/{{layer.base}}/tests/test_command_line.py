import os
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from app.core.ids import uuid7
from tools.devservers import ROOT, ManagedProcess, free_port, is_free

pytestmark = pytest.mark.usefixtures("migrated")


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_jobs_are_listed() -> None:
    listed = run("jobs", "list")
    assert listed.returncode == 0, listed.stderr


def test_psql_connects_as_the_role_of_the_service() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.devservers", "psql", "-Atc", "SELECT current_user"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("app_user\n", "", 0)


def test_domain_error_is_the_error_of_the_command() -> None:
    failed = run("jobs", "replay", str(uuid7()))
    assert failed.returncode == 1
    assert "No such dead letter." in failed.stderr
    assert "Traceback" not in failed.stderr


def test_migrate_reports_an_unreachable_database_in_one_line() -> None:
    failed = run("migrate", MIGRATION_DATABASE_URL=_unreachable())
    assert failed.returncode == 1
    [line] = failed.stderr.splitlines()
    assert "MIGRATION_DATABASE_URL is unreachable: " in line


def test_web_reports_an_unreachable_database_in_one_line_and_keeps_running(
    tmp_path: Path,
) -> None:
    port = free_port()
    log = tmp_path / "log"
    with log.open("wb") as output:
        web = ManagedProcess(
            [sys.executable, "-m", "app", "web"],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "src"),
                "DATABASE_URL": _unreachable(),
                "PORT": str(port),
            },
            output=output.fileno(),
        )
    try:
        deadline = time.monotonic() + 60
        while is_free(port) or "DATABASE_URL" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            assert web.popen.poll() is None, log.read_text()
            time.sleep(0.1)
        assert httpx2.get(f"http://127.0.0.1:{port}/livez", timeout=30).status_code == 200
        [line] = log.read_text().splitlines()
        assert "DATABASE_URL is unreachable: " in line
        assert httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=30).status_code == 503
    finally:
        web.stop()


def _unreachable() -> str:
    return f"postgresql://app_user:x@127.0.0.1:{free_port()}/app"
