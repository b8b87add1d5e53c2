import os
import subprocess
import sys

import pytest

from app.core.ids import uuid7
from tools.devservers import ROOT

pytestmark = pytest.mark.usefixtures("migrated")


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
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
