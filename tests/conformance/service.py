"""The processes of the service under test, started from the directory of the service.

Nothing is imported from the service. Its virtual environment runs `python -m app
migrate|web|worker|scheduler`, and its `tools.devservers` starts PostgreSQL and Valkey.
"""

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .drivers import DRIVERS, ContractDriver

HOST = "127.0.0.1"
# Environment variables that pass the service to the pytest-xdist workers.
BASE_URL = "CONFORMANCE_BASE_URL"
SHARED = "CONFORMANCE_SERVICE"
PROCESSES = ("web", "worker", "scheduler")

# Runs temporary servers until stdin closes; the second database stays without migrations.
SERVERS = """
import json, sys
from tools.devservers import throw_away
with throw_away() as servers:
    urls = [servers.urls().environment(), servers.urls("empty").environment()]
    print(json.dumps(urls), flush=True)
    sys.stdin.read()
"""

# Kills the command and its process group when the test run closes stdin, also by being killed:
# no process outlives the test run.
GUARDED = """
exec 3<&0 </dev/null
(cat <&3 >/dev/null; kill -s KILL -- "-$$") 3<&3 &
exec "$@" 3<&-
"""


def new_client(base_url: str) -> httpx2.Client:
    """Return a client with a time-out of 30 s, enough for a machine under load."""
    return httpx2.Client(base_url=base_url, timeout=30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _spawn(
    command: list[str], *, directory: str, env: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            ["/bin/sh", "-c", GUARDED, "sh", *command],
            cwd=directory,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process group and close its pipes."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with process:
        assert process.stdin
        process.stdin.close()


def _wait_until_ready(base_url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(httpx2.TransportError):
            if httpx2.get(f"{base_url}/livez", timeout=2).status_code == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{base_url}/livez is not 200 after 60 s; end of {log}:\n{_tail(log)}")


def _tail(log: Path, lines: int = 40) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _group_exists(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


@dataclass
class WebProcess:
    """An additional web process of the service."""

    base_url: str
    http: httpx2.Client
    process: subprocess.Popen[bytes]
    log: Path


@dataclass(frozen=True)
class ManagedService:
    """A service started by the test run; shared with the pytest-xdist workers as JSON."""

    directory: str
    python: str
    run_directory: str
    base_url: str
    env: dict[str, str]
    empty_database: dict[str, str]
    jwt_seeds: list[str]
    metrics_token: str
    driver_name: str

    @classmethod
    def load(cls, text: str) -> Self:
        return cls(**json.loads(text))

    def dump(self) -> str:
        """Serialize for the environment of another process."""
        return json.dumps(asdict(self))

    @property
    def mail_directory(self) -> Path:
        return Path(self.env["MAIL_DIR"])

    def driver(self, http: httpx2.Client) -> ContractDriver:
        """Return a driver for another web process of the service."""
        return DRIVERS[self.driver_name](http)

    # Processes

    def log(self, name: str) -> Path:
        return Path(self.run_directory, f"{name}.log")

    def spawn(self, name: str) -> subprocess.Popen[bytes]:
        """Start a process that the caller must end."""
        return _spawn(
            [self.python, "-m", "app", name],
            directory=self.directory,
            env=self.env,
            log=self.log(name),
        )

    def command(self, *arguments: str) -> None:
        """Run `python -m app` with these arguments; raise when it fails."""
        subprocess.run(
            [self.python, "-m", "app", *arguments], cwd=self.directory, env=self.env, check=True
        )

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start one of `PROCESSES`; `stop` ends it."""
        process = self.spawn(name)
        self._pid_file(name).write_text(str(process.pid))
        _started.append(process)
        return process

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the process group of one of `PROCESSES`."""
        os.killpg(int(self._pid_file(name).read_text()), number)

    def stop(self) -> None:
        """End all processes, also those started by another pytest-xdist worker."""
        for name in PROCESSES:
            with suppress(ProcessLookupError, FileNotFoundError):
                self.signal(name, signal.SIGTERM)
        deadline = time.monotonic() + 15
        for name in PROCESSES:
            with suppress(ProcessLookupError, FileNotFoundError):
                pid = int(self._pid_file(name).read_text())
                while _group_exists(pid) and time.monotonic() < deadline:
                    for process in _started:
                        process.poll()
                    time.sleep(0.05)
                self.signal(name, signal.SIGKILL)
        for process in _started:
            end(process)

    def _pid_file(self, name: str) -> Path:
        return Path(self.run_directory, f"{name}.pid")

    @contextmanager
    def web_process(self, **changes: str) -> Iterator[WebProcess]:
        """Run a web process with changed settings; `PUBLIC_URL="self"` becomes its own URL."""
        port = free_port()
        base_url = f"http://{HOST}:{port}"
        if changes.get("PUBLIC_URL") == "self":
            changes["PUBLIC_URL"] = base_url
        log = Path(self.run_directory, f"web-{port}.log")
        process = _spawn(
            [self.python, "-m", "app", "web"],
            directory=self.directory,
            env={**self.env, **changes, "PORT": str(port)},
            log=log,
        )
        try:
            _wait_until_ready(base_url, process, log)
            with new_client(base_url) as http:
                yield WebProcess(base_url, http, process, log)
        finally:
            end(process)

    # Valkey

    def unused_redis_url(self) -> str:
        """Return the URL of a random other Valkey database, without rate limit counters."""
        url = urlsplit(self.env["REDIS_URL"])
        return url._replace(path=f"/{1 + secrets.randbelow(63)}").geturl()

    def flush_valkey(self) -> None:
        """Delete all data of Valkey."""
        url = urlsplit(self.env["REDIS_URL"])
        with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
            connection.sendall(f"AUTH {url.password}\r\nFLUSHALL\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                answer += connection.recv(100)
        assert answer == b"+OK\r\n+OK\r\n", answer

    # Access tokens signed with the keys of the service

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any], *, key: int = 0) -> str:
        """Sign claims with one of the service's keys."""
        return self.sign_payload(json.dumps(claims).encode(), header, key=key)

    def sign_payload(self, payload: bytes, header: Mapping[str, Any], *, key: int = 0) -> str:
        """Sign any bytes with one of the service's keys; a header field of None is removed."""
        seed = base64.urlsafe_b64decode(self.jwt_seeds[key] + "=")
        full = {"alg": "EdDSA", "typ": "at+jwt", **header}
        full = {name: value for name, value in full.items() if value is not None}
        parts = [json.dumps(full).encode(), payload]
        signed = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
        signature = Ed25519PrivateKey.from_private_bytes(seed).sign(signed.encode())
        return f"{signed}.{jwt.utils.base64url_encode(signature).decode()}"


# Children of this process, which must be waited for.
_started: list[subprocess.Popen[bytes]] = []


@contextmanager
def running_service(
    directory: Path, driver_name: str, logs: Path | None
) -> Iterator[ManagedService]:
    """Start servers, migrate, start all processes; stop everything at exit."""
    directory = directory.resolve()
    with tempfile.TemporaryDirectory(prefix="conformance-") as run_directory:
        clean = _clean_environment()
        print_path = "import sys; print(sys.executable)"
        python = subprocess.run(
            ["uv", "run", "--project", directory, "python", "-c", print_path],
            cwd=directory,
            env=clean,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.strip()
        with _running_servers(python, directory, clean) as (database, empty_database):
            service = _configure(
                directory=directory,
                python=python,
                run_directory=Path(run_directory),
                env=clean | database,
                empty_database=empty_database,
                driver_name=driver_name,
            )
            migrate = [python, "-m", "app", "migrate"]
            subprocess.run(migrate, cwd=directory, env=service.env, check=True)
            try:
                web, *_ = [service.start(name) for name in PROCESSES]
                _wait_until_ready(service.base_url, web, service.log("web"))
                yield service
            finally:
                service.stop()
                if logs:
                    shutil.copytree(run_directory, logs, dirs_exist_ok=True)


def _clean_environment() -> dict[str, str]:
    """Return the variables a program needs to start, without settings of the service."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "UV_", "SSL_", "XDG_", "LD_LIBRARY_PATH")
    return {name: value for name, value in os.environ.items() if name.startswith(kept)}


def _configure(
    *,
    directory: Path,
    python: str,
    run_directory: Path,
    env: dict[str, str],
    empty_database: dict[str, str],
    driver_name: str,
) -> ManagedService:
    port = free_port()
    base_url = f"http://{HOST}:{port}"
    seeds = [base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode() for _ in "12"]
    metrics_token = secrets.token_hex(16)
    mail_directory = run_directory / "mail"
    mail_directory.mkdir()
    no_limit = "1000000/minute"
    env = env | {
        "ENVIRONMENT": "test",
        "HOST": HOST,
        "PORT": str(port),
        "PUBLIC_URL": base_url,
        "APP_URL": base_url,
        "JWT_ISSUER": base_url,
        "JWT_AUDIENCE": base_url,
        "JWT_KEYS": ",".join(seeds),
        "SECRET_KEY": secrets.token_hex(32),
        "MAIL_DIR": str(mail_directory),
        "METRICS_TOKEN": metrics_token,
        "DOCS_ENABLED": "true",
        "RATE_LIMIT_IP": no_limit,
        "RATE_LIMIT_PRINCIPAL": no_limit,
        "RATE_LIMIT_SIGN_IN": no_limit,
        "SCHEDULER_INTERVAL_SECONDS": "2",
        "DATABASE_POOL_SIZE": "10",
        "LOG_FORMAT": "json",
        "PYTHONUNBUFFERED": "1",
    }
    return ManagedService(
        directory=str(directory),
        python=python,
        run_directory=str(run_directory),
        base_url=base_url,
        env=env,
        empty_database=empty_database,
        jwt_seeds=seeds,
        metrics_token=metrics_token,
        driver_name=driver_name,
    )


@contextmanager
def _running_servers(
    python: str, directory: Path, env: Mapping[str, str]
) -> Iterator[list[dict[str, str]]]:
    with subprocess.Popen(
        [python, "-c", SERVERS],
        cwd=directory,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("PostgreSQL and Valkey did not start; their errors are above")
        try:
            yield json.loads(line)
        finally:
            process.stdin.close()
            process.wait(60)
