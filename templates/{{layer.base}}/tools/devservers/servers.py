"""PostgreSQL and Valkey together: those of development, and throw-away ones for a test run."""

import fcntl
import json
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from psycopg.pq import Conninfo

from tools.devservers.postgres import Postgres
from tools.devservers.process import ManagedProcess
from tools.devservers.server import ROOT, ServerError
from tools.devservers.valkey import Valkey

# Data, logs and state of the development servers.
VAR = ROOT / "var"


@dataclass(frozen=True, slots=True)
class Urls:
    """The URLs of the database, for the service's role and for the owner, and of Redis."""

    database_url: str
    migration_database_url: str
    redis_url: str

    def environment(self) -> dict[str, str]:
        """Return the environment variables that the service's settings read."""
        return {name.upper(): url for name, url in asdict(self).items()}

    def libpq_environment(self) -> dict[str, str]:
        """Return the environment variables with which psql connects as the service's role.

        Not a URL among its arguments, because other users can read those.
        """
        url = "postgresql://" + self.database_url.split("://", 1)[1]
        return {
            option.envvar.decode(): option.val.decode()
            for option in Conninfo.parse(url.encode())
            if option.envvar is not None and option.val is not None
        }


@dataclass(frozen=True, slots=True)
class Servers:
    """Two running servers."""

    postgres: Postgres
    valkey: Valkey

    def urls(self, database: str = "app", redis_database: int = 0) -> Urls:
        """Create the database if it is missing, and return the URLs."""
        return Urls(*self.postgres.create_database(database), self.valkey.url(redis_database))


@contextmanager
def throw_away() -> Iterator[Servers]:
    """Run servers on free ports, and delete their data at the end."""
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
    """The URLs of the servers, and by name the servers that this process has started."""

    urls: Urls
    started: dict[str, ManagedProcess]


@contextmanager
def development(*, shared: bool = True) -> Iterator[Development]:
    """Provide the servers of development.

    A server that the settings name (DATABASE_URL, REDIS_URL) is used as it is. The others are
    started until the end of the context, unless another command of this service runs them
    already. With `shared=False` that is a ServerError: they would stop with the other command.
    """
    # Imported here: the tests import this module before they set the environment.
    from app.settings import load

    settings = load()
    configured: dict[str, str] = {
        name: getattr(settings, name)
        for name in ("database_url", "migration_database_url", "redis_url")
        if name in settings.model_fields_set
    }
    if "database_url" in configured:
        configured.setdefault("migration_database_url", configured["database_url"])
    VAR.mkdir(exist_ok=True)
    with ExitStack() as stack:
        started: dict[str, ManagedProcess] = {}
        lock = stack.enter_context((VAR / "servers.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not shared:
                raise ServerError(
                    "Another command runs the servers already: is `just dev` open elsewhere?"
                ) from None
            urls = _wait_for_urls()
        else:
            urls, started = _start_development(stack, configured)
        yield Development(Urls(**{**urls, **configured}), started)


def _start_development(
    stack: ExitStack, configured: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, ManagedProcess]]:
    """Start the servers that are not configured, on the ports of the last run if they are free."""
    state_file = VAR / "servers.json"
    state = json.loads(state_file.read_text()) if state_file.exists() else {}
    state = {"password": secrets.token_hex(16), "postgres": 0, "valkey": 0} | state | {"urls": None}

    def save() -> None:
        # Replaced atomically: a crash during the write must not lose the password.
        new = state_file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(state))
        new.replace(state_file)

    save()
    urls: dict[str, str] = {}
    started: dict[str, ManagedProcess] = {}
    if "database_url" not in configured:
        postgres = Postgres(VAR, state["password"])
        stack.callback(postgres.stop)
        started["PostgreSQL"] = postgres.start(state["postgres"])
        state["postgres"] = postgres.port
        urls["database_url"], urls["migration_database_url"] = postgres.create_database()
    if "redis_url" not in configured:
        valkey = Valkey(VAR, state["password"])
        stack.callback(valkey.stop)
        started["Valkey"] = valkey.start(state["valkey"])
        state["valkey"] = valkey.port
        urls["redis_url"] = valkey.url()
    state["urls"] = urls
    save()
    return urls, started


def _wait_for_urls() -> dict[str, str]:
    """Read the URLs that the command holding the lock writes once its servers are ready."""
    for _ in range(300):
        with suppress(FileNotFoundError, json.JSONDecodeError):
            urls: dict[str, str] | None = json.loads((VAR / "servers.json").read_text())["urls"]
            if urls is not None:
                return urls
        time.sleep(0.1)
    raise ServerError("Another command is starting the servers, and has not finished within 30 s.")
