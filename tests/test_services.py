"""The covering variants: install, `just check`, `just test`, `just dev`, conformance suite."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx2
import psutil
import pytest
from copier import run_copy

import documented
from conformance.drivers import DRIVERS, bearer
from conformance.service import free_port
from template import ROOT, UV, clean_environment, commit, git, run
from variants import Variant, covering, runnable

MINUTES = 60
DEMO = ("demo@example.com", "correct horse battery")

COVERING = covering(runnable())
# One variant of each framework gets a module of its own.
WITH_INVOICES = {variant.answers["framework"]: variant for variant in COVERING}.values()
# Hostile answers, so that no command of a service depends on simple names.
NAMES = {
    "project_name": 'O\'Brien & "Söhne" \\ {{ 7 * 7 }} ${X} 😀 שלום <b>',
    "project_description": "- 'a' \"b\" \\n $(id) {% raw %} | # %s",
    "author_name": '"), (',
}
# An invoice of docs/adding-a-resource.md.
INVOICE = {
    "name": "First",
    "due_date": "2030-01-31",
    "quantity": 2,
    "amount": 1999,
    "currency": "EUR",
}
pytestmark = pytest.mark.slow


@pytest.fixture
def service(variant: Variant, released: Path) -> Iterator[Path]:
    """Return a service, committed in git.

    Not below pytest's temporary directory, which is inaccessible to other users: PostgreSQL runs as
    another user when the tests run as root.
    """
    with tempfile.TemporaryDirectory(prefix="copier-saas-") as directory:
        service = Path(directory) / "svc"
        run_copy(str(released), service, data=variant.answers | NAMES, defaults=True, quiet=True)
        commit(service, "Generate")
        yield service


@pytest.mark.parametrize("variant", COVERING, ids=lambda v: v.id)
def test_service_passes_its_checks_and_the_conformance_suite(
    service: Path,
    variant: Variant,
    subtests: pytest.Subtests,
    record_property: Callable[[str, object], None],
) -> None:
    with subtests.test("first run"):
        location = first_run(service, variant)
        assert git(service, "status", "--porcelain") == "?? uv.lock"
    if variant in WITH_INVOICES:
        with subtests.test("new module"):
            just = partial(run, UV, "run", "just", cwd=service)
            just("new-module", "invoices")
            documented.follow(service, just)
            commit(service, "Add invoices")
    with subtests.test("just check"):
        check(service, variant)
    with subtests.test("just test"):
        run(UV, "run", "just", "test", cwd=service, timeout=15 * MINUTES)
    with subtests.test("data survives a restart"):
        second_run(service, variant, location)
    with subtests.test("conformance"):
        without = [f"--without={feature}" for feature in variant.features_off()]
        options = (f"--service-dir={service}", f"--driver={driver(variant)}", *without, "-q")
        suite = ("-m", "pytest", "tests/conformance", *options, "-p", "no:cacheprovider")
        run(sys.executable, *suite, cwd=ROOT, timeout=15 * MINUTES)
    record_property("run", variant.id)


def check(service: Path, variant: Variant) -> None:
    """Run `just check` with the chosen Python; it must change no file."""
    before = git(service, "status", "--porcelain")
    run(UV, "run", "just", "check", cwd=service, timeout=10 * MINUTES)
    show = "import sys; print(*sys.version_info[:2], sep='.')"
    python = run(UV, "run", "python", "-c", show, cwd=service).splitlines()[-1]
    assert python == variant.answers["python_version"]
    assert git(service, "status", "--porcelain") == before


def driver(variant: Variant) -> str:
    """Return the conformance driver of a variant."""
    return "allauth" if variant.answers["framework"] == "django" else "contract"


def first_run(service: Path, variant: Variant) -> str:
    """Start the service and create a project; return its path."""
    with developing(service) as base_url, httpx2.Client(base_url=base_url, timeout=30) as http:
        assert http.get("/docs").status_code == 200
        headers = signed_in(http, variant)
        organization = http.get("/api/v1/organizations", headers=headers).json()["items"][0]["id"]
        projects = f"/api/v1/organizations/{organization}/projects"
        made = http.post(projects, headers=headers, json={"name": "Kept"})
        assert made.status_code == 201
        return made.headers["Location"]


def second_run(service: Path, variant: Variant, location: str) -> None:
    """Start the service again; read the project, and create a row of the new module."""
    with developing(service) as base_url, httpx2.Client(base_url=base_url, timeout=30) as http:
        headers = signed_in(http, variant)
        assert http.get(location, headers=headers).json()["name"] == "Kept"
        if variant in WITH_INVOICES:
            organization, _, project = location.rpartition("/projects/")
            body = {**INVOICE, "project_id": project}
            made = http.post(f"{organization}/invoices", headers=headers, json=body)
            assert made.status_code == 201, made.text
            row = http.get(made.headers["Location"], headers=headers).json()
            assert body.items() <= row.items()
        restart_web(service, http)


def restart_web(service: Path, http: httpx2.Client) -> None:
    """Edit a file that only web has loaded: nothing else restarts, and no request is refused."""
    server = service / "src" / "app" / "core" / "web" / "server.py"
    before = server.read_text()
    log = service.with_name(f"{service.name}.log")
    seen = len(log.read_text())
    server.write_text(f"{before}\n# Edited.\n")
    deadline = time.monotonic() + MINUTES
    while not (found := re.search(r"src/ has changed: restarting (.*)\n", log.read_text()[seen:])):
        assert time.monotonic() < deadline, log.read_text()[seen:]
        assert http.get("/livez", timeout=MINUTES).status_code == 200
    assert found[1] == "web"
    for _ in range(10):
        assert http.get("/readyz", timeout=MINUTES).status_code == 200
        time.sleep(0.1)
    server.write_text(before)


@contextmanager
def developing(service: Path) -> Iterator[str]:
    """Run `just dev`; at exit send SIGINT and check that all processes end."""
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
        check_start(log)
        yield base_url
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) in {0, 130, -signal.SIGINT}, log.read_text()[-3000:]
        assert not marked(mark), "expected no process of `just dev` after SIGINT"
    finally:
        for left in marked(mark):
            left.kill()
        process.wait(10)


def check_start(log: Path) -> None:
    """Check the log of a start: short, every line prefixed, address and sign-in last."""
    last = re.compile(r" dev \| http://localhost:\d+/docs  Sign in: demo@example\.com .*\n")
    deadline = time.monotonic() + 30
    while not last.search(log.read_text()):
        assert time.monotonic() < deadline, f"no sign-in line in:\n{log.read_text()[-3000:]}"
        time.sleep(0.1)
    text = log.read_text()
    assert last.search(text.splitlines(keepends=True)[-1]), text
    # The lines before the first one of `just dev` are those of uv.
    _, *lines = text[text.index(" dev | ") :].splitlines()
    assert all(re.match(r" *(dev|web|worker|scheduler) \| ", line) for line in lines), text
    assert len(lines) < 25, text
    assert "Warning" not in text


def wait_until_ready(base_url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 3 * MINUTES
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx2.get(f"{base_url}/readyz", timeout=5).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    pytest.fail(f"{base_url}/readyz is not 200; end of {log}:\n{log.read_text()[-3000:]}")


def marked(mark: str) -> list[psutil.Process]:
    """Return running processes with this mark in their environment, also orphaned ones."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MARK") == mark and process.status() != "zombie":
                found.append(process)
        except psutil.Error:
            continue
    return found


def signed_in(http: httpx2.Client, variant: Variant) -> dict[str, str]:
    """Sign in as the demo user; return the authorization header."""
    return bearer(DRIVERS[driver(variant)](http).sign_in(*DEMO).require_tokens().access)
