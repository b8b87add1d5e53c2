import os
import subprocess
import sys

import pytest

from tools.devservers import ROOT


@pytest.mark.usefixtures("migrated")
def test_shell_has_the_unit_of_work_and_the_models() -> None:
    script = """
with unit_of_work() as session:
    tenancy.enter_user(session, "00000000-0000-7000-8000-000000000000")
    organizations = (session.scalars(select(Organization))).all()

1 / 0
print(f"{len(organizations)} organizations")
"""
    done = subprocess.run(
        [sys.executable, "-m", "app", "shell"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "0 organizations" in done.stdout
    assert done.stderr.count("Traceback") == 1
    assert "ZeroDivisionError" in done.stderr
