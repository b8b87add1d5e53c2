"""The whole service on this machine: servers, web, worker and scheduler, with one log.

Ends on Ctrl-C, on SIGTERM, and when one of the processes exits by itself. A change in src/
restarts web, worker and scheduler; a process that exits after a restart waits for the next change.
"""

import signal
import subprocess
import sys
from contextlib import ExitStack
from os import environ
from threading import Lock, Thread
from typing import NoReturn

import httpx2
from watchfiles import PythonFilter, watch

from app.settings import load
from tools.devservers.process import ManagedProcess
from tools.devservers.server import ROOT, ServerError, is_free
from tools.devservers.servers import VAR, development

NAMES = ("web", "worker", "scheduler")
COLOURS = dict(zip(NAMES, (36, 33, 35), strict=True))
# Worker and scheduler touch these files once they run.
HEARTBEATS = [VAR / f"{name}.alive" for name in ("worker", "scheduler")]
_output = Lock()


class AppProcess:
    """`python -m app NAME` as a ManagedProcess, restarted on changes, its log lines prefixed."""

    def __init__(self, name: str, env: dict[str, str]) -> None:
        self.name = name
        self.env = env
        self.restarted = False
        self.waiting = False
        self._start()

    def _start(self) -> None:
        self.process = ManagedProcess(
            [sys.executable, "-m", "app", self.name],
            env=self.env,
            cwd=ROOT,
            output=subprocess.PIPE,
        )
        self.reader = Thread(target=self._forward_output, args=(self.process,))
        self.reader.start()

    def _forward_output(self, process: ManagedProcess) -> None:
        for line in process.popen.stdout or ():
            log(self.name, line.decode(errors="replace"))

    def send_stop_signal(self) -> None:
        self.process.send_stop_signal()

    def stop(self) -> int:
        """Stop the process, forward the rest of its output, and return its exit status."""
        status = self.process.stop(timeout=10)
        self.reader.join()
        return status

    def restart(self) -> None:
        self.stop()
        self.restarted = True
        self.waiting = False
        self._start()

    def check(self) -> None:
        """Raise ServerError if the process has exited; after a restart, only log it.

        After a restart the likely cause is the edited code, which the next change may repair.
        """
        if self.waiting or self.process.popen.poll() is None:
            return
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


def supervise(
    processes: list[AppProcess], servers: dict[str, ManagedProcess], url: str, welcome: str
) -> NoReturn:
    """Restart on changes, and log `welcome` after the last line of the start.

    Raises ServerError when a process exits by itself, and KeyboardInterrupt on Ctrl-C.
    """
    rounds_ready = 0
    source = watch(
        ROOT / "src", watch_filter=PythonFilter(), rust_timeout=500, yield_on_timeout=True
    )
    for changes in source:
        if changes:
            restart(processes)
        for name, server in servers.items():
            if server.popen.poll() is not None:
                raise ServerError(f"{name} exited unexpectedly: see its log in var/.")
        for process in processes:
            process.check()
        # In the second round, 0.5 s later: processes log a line after their first heartbeat.
        if rounds_ready < 2 and is_ready(url):
            rounds_ready += 1
            if rounds_ready == 2:
                log("dev", welcome)
    raise KeyboardInterrupt  # watch() returns only on Ctrl-C


def restart(processes: list[AppProcess]) -> None:
    log("dev", "src/ has changed: restarting")
    for process in processes:
        process.send_stop_signal()
    for process in processes:
        process.restart()


def ignore_signals() -> None:
    """Let the shutdown finish: the terminal, `uv` and `just` may each send a signal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def interrupt(*_: object) -> NoReturn:
    ignore_signals()
    raise KeyboardInterrupt


def main() -> None:
    """Run everything until a signal; raise ServerError when a process fails."""
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    settings = load()
    if not is_free(settings.port, settings.host):
        raise ServerError(
            f"Port {settings.port} is in use. Try: PORT={settings.port + 1} uv run just dev"
        )
    try:
        with development(shared=False) as servers, ExitStack() as stack:
            env = {
                **environ,
                **servers.urls.environment(),
                "HEARTBEAT_DIR": str(VAR),
                "PYTHONUNBUFFERED": "1",
            }
            log("dev", "migrating the database, creating demo data")
            run("migrate", env)
            *others, sign_in = run("seed", env).splitlines() or [""]
            for path in HEARTBEATS:
                path.unlink(missing_ok=True)
            processes = [AppProcess(name, env) for name in NAMES]
            for process in processes:
                stack.callback(process.stop)
            for process in processes:
                # Runs before the calls of stop() above, so that the processes stop in parallel.
                stack.callback(process.send_stop_signal)
            stack.callback(ignore_signals)
            address = f"{settings.public_url}/docs"
            lines = [f"Mails: {settings.mail_dir}/", *others, f"{address}  {sign_in}".rstrip()]
            url = f"http://{settings.host}:{settings.port}"
            supervise(processes, servers.started, url, "\n".join(lines))
    except KeyboardInterrupt:
        return
