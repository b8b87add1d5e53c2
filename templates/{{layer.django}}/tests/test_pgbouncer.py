"""Behind PgBouncer in transaction mode: two connections for all, no tenant stays on one.

Needs the program `pgbouncer`, which is no dependency of the service.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest

from app.settings import settings
from tests.concurrency import run_concurrently
from tests.factories import Factory, SignedInUser
from tools.devservers import HOST, free_port, is_free

CLIENTS = 8
ROUNDS = 15
CONFIGURATION = """
[databases]
* = host={url.hostname} port={url.port} user={url.username} password={url.password}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
"""

pytestmark = [
    pytest.mark.committed,
    pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="pgbouncer is not installed"),
]


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while is_free(port):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def through_bouncer(database: None, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Run PgBouncer, and the service behind it; the URLs of the database and of the service."""
    url = urlsplit(os.environ["DATABASE_URL"])
    bouncer_port, web_port = free_port(), free_port()
    configuration = tmp_path / "pgbouncer.ini"
    configuration.write_text(CONFIGURATION.format(url=url, host=HOST, port=bouncer_port))
    # PgBouncer refuses to run as root, which is common in containers.
    drop_root = ["-u", "nobody"] if os.geteuid() == 0 else []
    bounced = f"postgresql://{url.username}:{url.password}@{HOST}:{bouncer_port}{url.path}"
    environment = {
        **os.environ,
        "DATABASE_URL": bounced,
        "PORT": str(web_port),
        "PUBLIC_URL": settings.public_url,  # whose access tokens are accepted
    }
    with ExitStack() as stack:

        def start(*command: str, port: int) -> None:
            process = stack.enter_context(subprocess.Popen(command, env=environment))
            stack.callback(process.terminate)
            _wait_for(port, process)

        start("pgbouncer", "-q", *drop_root, str(configuration), port=bouncer_port)
        start(sys.executable, "-m", "app", "web", port=web_port)
        yield bounced, f"http://{HOST}:{web_port}"


def _use(user: SignedInUser, organization: object, base_url: str, number: int) -> None:
    """Write and read projects of one organization, and check that no other's are visible."""
    with httpx2.Client(base_url=base_url, timeout=30, headers=user.headers) as client:
        path = f"/api/v1/organizations/{organization}"
        for turn in range(ROUNDS):
            made = client.post(f"{path}/projects", json={"name": f"{number} {turn}"})
            assert made.status_code == 201, made.text
            page = client.get(f"{path}/projects", params={"limit": 100})
            assert page.status_code == 200, page.text
            names = {item["name"] for item in page.json()["items"]}
            assert names == {f"{number} {earlier}" for earlier in range(turn + 1)}
            assert client.get("/api/v1/organizations").json()["items"][0]["id"] == str(organization)


def _look(url: str) -> list[tuple[str, int]]:
    """Return the tenant settings and prepared statements that a new client finds."""
    found = []
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        for _ in range(ROUNDS * 10):
            time.sleep(0.01)
            row = connection.execute(
                "SELECT current_setting('app.organization_id', true),"
                " current_setting('app.user_id', true), current_setting('app.staff', true),"
                " (SELECT count(*) FROM projects), (SELECT count(*) FROM memberships)"
            ).fetchone()
            assert row is not None
            *settings, projects, memberships = row
            found.append(("".join(value or "" for value in settings), projects + memberships))
    return found


def test_two_connections_are_enough_for_all(
    factory: Factory, through_bouncer: tuple[str, str]
) -> None:
    database_url, base_url = through_bouncer
    people = [factory.user() for _ in range(CLIENTS)]
    organizations = [factory.organization(user) for user in people]
    clients: list[Callable[[], Any]] = [
        partial(_use, user, organization, base_url, number)
        for number, (user, organization) in enumerate(zip(people, organizations, strict=True))
    ]
    clients.append(partial(_look, database_url))
    found = run_concurrently(clients)[-1]
    assert set(found) == {("", 0)}
    assert set(_look(database_url)) == {("", 0)}
