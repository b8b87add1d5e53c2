"""A PostgreSQL server with the two roles of `deploy/database.sql`."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path

from tools.devservers.server import HOST, ROOT, Server, ServerError, find_executable


class Postgres(Server):
    """PostgreSQL; as root it runs as `nobody`, because it refuses to run as root."""

    name = "postgres"
    stop_signal = signal.SIGINT  # fast shutdown: SIGTERM would wait until clients disconnect

    def __init__(self, directory: Path, password: str, *, throw_away: bool = False) -> None:
        super().__init__(directory, password, throw_away=throw_away)
        self.user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None

    def create_database(self, name: str = "app") -> tuple[str, str]:
        """Create both roles and the database if they are missing.

        Returns its URLs for the service's role and for the owner.
        """
        script = ROOT / "deploy/database.sql"
        done = subprocess.run(
            [find_executable("psql"), "-Xqv", "ON_ERROR_STOP=1", "-f", script],
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

    def _prepare(self) -> None:
        if not (self.data / "postgresql.conf").exists():
            self._initialise()
        self._remove_stale_lock()

    def _command(self, port: int) -> list[str]:
        options = {"listen_addresses": HOST, "unix_socket_directories": "", "max_connections": 200}
        if self.throw_away:
            options |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
        return [find_executable("postgres"), "-D", str(self.data), "-p", str(port), *flags]

    def _is_ready(self, port: int) -> bool:
        command = [find_executable("pg_isready"), "-q", "-h", HOST, "-p", str(port)]
        return subprocess.run(command, check=False).returncode == 0

    def _initialise(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)  # left by an interrupted initdb
        self.data.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w") as password:
            password.write(self.password)
            password.flush()
            if self.user is not None:
                for path in (self.data, password.name):
                    os.chown(path, self.user, self.user)
                for path in (self.data, Path(find_executable("postgres"))):
                    _make_reachable(path)
            done = subprocess.run(
                [
                    *(find_executable("initdb"), "-D", self.data, "-U", "postgres"),
                    *("--encoding=UTF8", "--locale=C"),
                    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
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
            raise ServerError(f"PostgreSQL cannot initialise {self.data}:\n{done.stderr}")

    def _remove_stale_lock(self) -> None:
        """Remove the lock file of a killed server, whose process id may have been reused.

        PostgreSQL would refuse to start as long as any process has that id. A server that is
        still stopping has 20 s to finish.
        """
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
                raise ServerError(f"Another PostgreSQL (process {pid}) still uses {self.data}.")
            else:
                time.sleep(0.1)


def _make_reachable(path: Path) -> None:
    """Let all users traverse the directories above `path`, for the user PostgreSQL runs as."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)
