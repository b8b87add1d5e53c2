"""The covering variants as their users have them: installed, checked, tested, run and attacked."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx2
import psutil
import pytest

from conformance.drivers import DRIVERS, bearer
from conformance.service import free_port
from template import ROOT, UV, clean_environment, commit, git, run
from variants import Render, Variant, covering, every_variant, has_python

MINUTES = 60
DEMO = ("demo@example.com", "correct horse battery")

COVERING = covering([v for v in every_variant() if has_python(v.answers["python_version"])])
pytestmark = pytest.mark.slow
# The steps of one service run on one worker, in order.
SERVICES = pytest.mark.parametrize(
    "variant", [pytest.param(v, id=v.id, marks=pytest.mark.xdist_group(v.id)) for v in COVERING]
)


@pytest.fixture
def service(variant: Variant, render: Render, shared: Path) -> Path:
    """Return the service as a clean commit in a directory of its own."""
    directory = shared / "services" / variant.id
    if not directory.exists():
        shutil.copytree(render(variant), directory)
        commit(directory, "Generate")
    return directory


@SERVICES
def test_check(service: Path, variant: Variant) -> None:
    run(UV, "run", "just", "check", cwd=service, timeout=5 * MINUTES)
    show = "import sys; print(*sys.version_info[:2], sep='.')"
    python = run(UV, "run", "python", "-c", show, cwd=service).splitlines()[-1]
    assert python == variant.answers["python_version"]
    assert git(service, "status", "--porcelain") == "?? uv.lock"


@SERVICES
def test_first_run_and_the_tests_between_two_of_them(service: Path) -> None:
    """What is written in development is still there after the tests, and after a restart."""
    with developing(service) as base_url:
        http = httpx2.Client(base_url=base_url, timeout=30)
        assert http.get("/docs").status_code == 200
        headers = signed_in(http)
        organization = http.get("/api/v1/organizations", headers=headers).json()["items"][0]["id"]
        projects = f"/api/v1/organizations/{organization}/projects"
        made = http.post(projects, headers=headers, json={"name": "Kept"})
        assert made.status_code == 201

    for _ in range(2):
        run(UV, "run", "just", "test", cwd=service, timeout=5 * MINUTES)

    with developing(service) as base_url:
        http = httpx2.Client(base_url=base_url, timeout=30)
        kept = http.get(made.headers["Location"], headers=signed_in(http))
        assert kept.json()["name"] == "Kept"


@SERVICES
def test_conformance(
    service: Path, variant: Variant, record_property: Callable[[str, object], None]
) -> None:
    """Last, since it is what a variant counts as run for."""
    suite = (sys.executable, "-m", "pytest", "tests/conformance", f"--service-dir={service}")
    run(*suite, "-q", "-p", "no:cacheprovider", cwd=ROOT, timeout=10 * MINUTES)
    record_property("run", variant.id)


@contextmanager
def developing(service: Path) -> Iterator[str]:
    """Run `just dev` until it is ready, end it with Ctrl-C, and see that no process is left."""
    port = free_port()
    base_url = f"http://127.0.0.1:{port}"
    mark = uuid4().hex
    log = service.with_name(f"{service.name}.log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [UV, "run", "just", "dev"],
            cwd=service,
            env=clean_environment() | {"PORT": str(port), "MARK": mark},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_ready(base_url, process, log)
        yield base_url
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) in {0, 130, -signal.SIGINT}, log.read_text()[-3000:]
        assert not marked(mark), "processes are left after Ctrl-C"
    finally:
        for left in marked(mark):
            left.kill()
        process.wait(10)


def wait_until_ready(base_url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 3 * MINUTES
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx2.get(f"{base_url}/readyz", timeout=5).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    pytest.fail(f"`just dev` is not ready\n{log.read_text()[-3000:]}")


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes that were started below one, wherever they are in the tree now."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MARK") == mark and process.status() != "zombie":
                found.append(process)
        except psutil.Error:
            continue
    return found


def signed_in(http: httpx2.Client) -> dict[str, str]:
    """Sign the seeded user in."""
    return bearer(DRIVERS["contract"](http).sign_in(*DEMO).session().access)
