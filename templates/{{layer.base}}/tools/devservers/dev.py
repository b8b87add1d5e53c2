"""The whole service on this machine: servers, web, worker and scheduler, with one log.

Ends on Ctrl-C, on SIGTERM, and when one of the processes exits by itself. A change in src/
restarts the processes that have loaded the file; one that exits after a restart waits for the next
change. Requests wait for web: the socket on which it accepts them stays open.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from threading import Lock, Thread
from typing import NoReturn

import httpx2
from watchfiles import PythonFilter, watch

from app.settings import load
from tools.devservers.process import ManagedProcess
from tools.devservers.server import ROOT, ServerError
from tools.devservers.servers import VAR, development

NAMES = ("web", "worker", "scheduler")
# From the stop signal until a process is killed.
STOP_SECONDS = 10
COLOURS = dict(zip(NAMES, (36, 33, 35), strict=True))
# Worker and scheduler touch these files once they run.
HEARTBEATS = [VAR / f"{name}.alive" for name in ("worker", "scheduler")]
_output = Lock()


class AppProcess:
    """`python -m app NAME` as a ManagedProcess, restarted on changes, its log lines prefixed."""

    def __init__(self, name: str, env: dict[str, str], listener: int = 0) -> None:
        self.name = name
        self.env = env
        self.listener = listener
        self.record = VAR / f"{name}.sources"
        self.sources: set[str] = set()
        self.restarted = False
        self.waiting = False
        self.restart_by = 0.0  # when it is killed, while it stops for a restart
        self._start()

    def _start(self) -> None:
        self.record.write_text("")
        command = [sys.executable, "-m", "tools.devservers.app_process"]
        self.process = ManagedProcess(
            [*command, str(self.record), str(self.listener), self.name],
            env=self.env,
            cwd=ROOT,
            output=subprocess.PIPE,
            inherited=(self.listener,) if self.listener else (),
        )
        self.reader = Thread(target=self._forward_output, args=(self.process,))
        self.reader.start()

    def _forward_output(self, process: ManagedProcess) -> None:
        for line in process.popen.stdout or ():
            log(self.name, line.decode(errors="replace"))

    def loaded(self) -> set[str]:
        """Return the names of the files in src/ that the process has loaded since the start.

        Also before a restart: with a syntax error it does not load them again.
        """
        self.sources |= set(self.record.read_text().splitlines())
        return self.sources

    def send_stop_signal(self) -> None:
        self.process.send_stop_signal()

    def stop(self, timeout: float = STOP_SECONDS) -> int:
        """Stop the process, forward the rest of its output, and return its exit status."""
        status = self.process.stop(timeout)
        self.reader.join()
        return status

    def restart(self) -> None:
        """Begin a restart, which `check` completes once the process has stopped."""
        self.send_stop_signal()
        self.restart_by = self.restart_by or time.monotonic() + STOP_SECONDS

    def check(self) -> None:
        """Complete a restart. Raise ServerError if the process has exited otherwise.

        After a restart the likely cause is the edited code, which the next change may repair: then
        it is only logged.
        """
        exited = self.process.popen.poll() is not None
        if self.restart_by:
            if exited or time.monotonic() > self.restart_by:
                self.stop(timeout=0)
                self.restarted, self.waiting, self.restart_by = True, False, 0.0
                self._start()
        elif exited and not self.waiting:
            status = self.stop()
            if not self.restarted:
                raise ServerError(f"{self.name} exited unexpectedly with status {status}.")
            log("dev", f"{self.name} exited with status {status}: waiting for a change")
            self.waiting = True


def log(name: str, text: str) -> None:
    """Print text; each line gets the name of the process it comes from as a prefix."""
    prefix = f"{name:>9} | "
    if sys.stdout.isatty():
        prefix = f"\033[{COLOURS.get(name, 32)}m{prefix}\033[0m"
    lines = "".join(f"{prefix}{line}\n" for line in text.splitlines() or [""])
    # print() writes the end of a line separately, and another thread could write before it.
    with _output:
        print(lines, end="", flush=True)


def run(name: str, env: dict[str, str]) -> str:
    """Run `python -m app NAME` until it ends, and return its output; log it if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "app", name],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        log(name, done.stdout)
        raise ServerError(f"`python -m app {name}` failed.")
    return done.stdout


def is_ready(url: str) -> bool:
    """Return whether web can serve requests, and worker and scheduler run."""
    if not all(path.exists() for path in HEARTBEATS):
        return False
    try:
        return httpx2.get(f"{url}/readyz", timeout=2).is_success
    except httpx2.HTTPError:
        return False


def welcome(url: str, text: str) -> None:
    """Log a text after the last line of the start."""
    while not is_ready(url):
        time.sleep(0.2)
    time.sleep(0.5)  # processes log a line after their first heartbeat
    log("dev", text)


def supervise(processes: list[AppProcess], servers: dict[str, ManagedProcess]) -> NoReturn:
    """Restart on changes.

    Raises ServerError when a process exits by itself, and KeyboardInterrupt on Ctrl-C.
    """
    source = watch(
        ROOT / "src", watch_filter=PythonFilter(), rust_timeout=100, yield_on_timeout=True
    )
    for changes in source:
        if changes:
            restart(processes, {path for _, path in changes})
        for name, server in servers.items():
            if server.popen.poll() is not None:
                raise ServerError(f"{name} exited unexpectedly: see its log in var/.")
        for process in processes:
            process.check()
    raise KeyboardInterrupt  # watch() returns only on Ctrl-C


def restart(processes: list[AppProcess], changed: set[str]) -> None:
    """Restart the processes that have loaded a changed file, and those that wait for a change.

    All of them, if none has loaded a file: it may be a new one.
    """
    loaded = {process: process.loaded() for process in processes}
    new = changed.difference(*loaded.values())
    affected = [
        process for process in processes if new or process.waiting or changed & loaded[process]
    ]
    if affected:
        log("dev", f"src/ has changed: restarting {', '.join(p.name for p in affected)}")
    for process in affected:
        process.restart()


def listen(host: str, port: int) -> socket.socket:
    """Return the socket on which web will accept requests. Raises ServerError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ServerError(
            f"Cannot listen on port {port} of {host}: {error.strerror}. "
            f"Try: PORT={port + 1} uv run just dev"
        ) from error


def ignore_signals() -> None:
    """Let the shutdown finish: the terminal, `uv` and `just` may each send a signal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def interrupt(*_: object) -> NoReturn:
    ignore_signals()
    raise KeyboardInterrupt


def debugger() -> dict[str, str]:
    """Return the variables with which breakpoint() opens on this terminal, or else does nothing."""
    if "PYTHONBREAKPOINT" in os.environ:
        return {}
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return {"PYTHONBREAKPOINT": "0"}
    return {
        "PYTHONBREAKPOINT": "tools.devservers.app_process.set_trace",
        "DEV_TERMINAL": os.ttyname(sys.stdin.fileno()),
    }


def main() -> None:
    """Run everything until a signal; raise ServerError when a process fails."""
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    settings = load()
    try:
        with (
            listen(settings.host, settings.port) as listener,
            development(shared=False) as servers,
            ExitStack() as stack,
        ):
            env = {
                **os.environ,
                **servers.urls.environment(),
                "HEARTBEAT_DIR": str(VAR),
                "PYTHONUNBUFFERED": "1",
                **debugger(),
            }
            log("dev", "migrating the database, creating demo data")
            run("migrate", env)
            *others, sign_in = run("seed", env).splitlines() or [""]
            for path in HEARTBEATS:
                path.unlink(missing_ok=True)
            # Not 3, which a ManagedProcess cannot inherit.
            inherited = fcntl.fcntl(listener, fcntl.F_DUPFD_CLOEXEC, 10)
            stack.callback(os.close, inherited)
            processes = [AppProcess(name, env, inherited if name == "web" else 0) for name in NAMES]
            for process in processes:
                stack.callback(process.stop)
            for process in processes:
                # Runs before the calls of stop() above, so that the processes stop in parallel.
                stack.callback(process.send_stop_signal)
            stack.callback(ignore_signals)
            address = settings.public_url
            sign_in = f"{address}/docs  {sign_in}".rstrip()
            mails = f"{address}/dev/mail" if settings.is_local else f"{settings.mail_dir}/"
            lines = [f"Mails: {mails}", *others, sign_in]
            url = f"http://{settings.host}:{settings.port}"
            Thread(target=welcome, args=(url, "\n".join(lines)), daemon=True).start()
            supervise(processes, servers.started)
    except KeyboardInterrupt:
        return
