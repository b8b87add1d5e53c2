"""A TypeScript client, generated from the OpenAPI document, compiles strictly and works.

The flows in `typescript/` contain no cast. They need npm, with access to its registry.
"""

import json
import shutil
import subprocess
from pathlib import Path

import httpx2
import pytest

from .drivers import AllauthDriver, Driver
from .factories import Factory
from .mailbox import Mailbox

SOURCES = Path(__file__).parent / "typescript"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the flows and their packages."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    directory = tmp_path_factory.mktemp("typescript") / "flows"
    shutil.copytree(SOURCES, directory)
    run(directory, "npm", "install", "--no-audit", "--no-fund", "--no-package-lock")
    return directory


def test_generated_client_signs_up_and_uses_a_second_factor(
    workspace: Path, http: httpx2.Client, driver: Driver, factory: Factory, mailbox: Mailbox
) -> None:
    document = http.get("/openapi.json").json()
    (workspace / "openapi.json").write_text(json.dumps(document))
    flow = "allauth" if isinstance(driver, AllauthDriver) else "contract"
    shutil.copy(workspace / f"{flow}.ts", workspace / "flow.ts")
    run(workspace, "npx", "openapi-ts", "--input=openapi.json", "--output=client")
    run(workspace, "npx", "tsc", "--project", ".")
    email = factory.address("typescript")
    command = ("node", "dist/flow.js", str(http.base_url), email, factory.password())
    with subprocess.Popen(
        command,
        cwd=workspace,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        # The flow asks for the token in the mail.
        token = mailbox.token("verify-email", email) if process.stdout.readline() else ""
        _, errors = process.communicate(f"{token}\n", timeout=60)
    assert process.returncode == 0, errors


def run(directory: Path, *command: str) -> None:
    done = subprocess.run(
        command, cwd=directory, check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
