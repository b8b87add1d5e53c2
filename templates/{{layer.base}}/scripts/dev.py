"""The whole service on this machine: servers, web, worker and scheduler, with one log.

Stops everything on Ctrl-C or SIGTERM, or when a part of it ends by itself. A change below src/
restarts web, worker and scheduler; one that fails after such a change waits for the next.
"""

import signal
import subprocess
import sys
from contextlib import ExitStack
from os import environ
from threading import Thread
from typing import NoReturn

import httpx2
from watchfiles import PythonFilter, watch

from app.settings import load
from scripts.servers import ROOT, VAR, Program, ServerError, development, is_free

NAMES = ("web", "worker", "scheduler")
COLOURS = dict(zip(NAMES, (36, 33, 35), strict=True))


class Service:
    """One of the service's processes, its lines prefixed with its name."""

    def __init__(self, name: str, env: dict[str, str]) -> None:
        self.name = name
        self.env = env
        self.edited = False
        self.waits = False
        self._start()

    def _start(self) -> None:
        self.program = Program(
            [sys.executable, "-m", "app", self.name],
            env=self.env,
            cwd=ROOT,
            output=subprocess.PIPE,
        )
        self.reader = Thread(target=self._copy_output, args=(self.program,))
        self.reader.start()

    def _copy_output(self, program: Program) -> None:
        for line in program.process.stdout or ():
            say(self.name, line.decode(errors="replace").rstrip("\n"))

    def ask_to_stop(self) -> None:
        """Let it begin to stop."""
        self.program.ask_to_stop()

    def stop(self) -> int:
        """Stop it and say what it still has to say; its exit status."""
        status = self.program.stop(timeout=10)
        self.reader.join()
        return status

    def restart(self) -> None:
        """Run the changed code; from now on, its mistakes are the editor's."""
        self.stop()
        self.edited = True
        self.waits = False
        self._start()

    def look_after(self) -> None:
        """See whether it runs: if not, wait for a change after a change, else give up."""
        if self.waits or self.program.process.poll() is None:
            return
        status = self.stop()
        if not self.edited:
            raise ServerError(f"{self.name} ended by itself, with status {status}.")
        say("dev", f"{self.name} ended, with status {status}: waiting for a change")
        self.waits = True


def say(name: str, text: str) -> None:
    """Print one line of one process."""
    prefix = f"{name:>9} | "
    if sys.stdout.isatty():
        prefix = f"\033[{COLOURS.get(name, 32)}m{prefix}\033[0m"
    print(prefix + text, flush=True)


def run(name: str, env: dict[str, str]) -> str:
    """Run one of the service's commands to its end, and give what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "app", name],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    for line in done.stdout.splitlines():
        say(name, line)
    if done.returncode:
        raise ServerError(f"`python -m app {name}` failed.")
    return done.stdout


def is_ready(url: str) -> bool:
    """Ask the service itself."""
    try:
        return httpx2.get(f"{url}/readyz", timeout=2).is_success
    except httpx2.HTTPError:
        return False


def supervise(
    services: list[Service], servers: dict[str, Program], url: str, welcome: str
) -> NoReturn:
    """Restart what was edited, until a service or a server ends by itself."""
    ready = False
    source = watch(
        ROOT / "src", watch_filter=PythonFilter(), rust_timeout=500, yield_on_timeout=True
    )
    for changes in source:
        if changes:
            restart(services)
        for name, server in servers.items():
            if server.process.poll() is not None:
                raise ServerError(f"{name} ended by itself: see its log in var/.")
        for service in services:
            service.look_after()
        if not ready and is_ready(url):
            ready = True
            for line in welcome.splitlines():
                say("dev", line)
    raise KeyboardInterrupt  # the watch ends without an error on Ctrl-C only


def restart(services: list[Service]) -> None:
    """Run the changed code."""
    say("dev", "src/ has changed: restarting")
    for service in services:
        service.ask_to_stop()
    for service in services:
        service.restart()


def ignore_signals() -> None:
    """Let nobody interrupt the end: the terminal, `uv` and `just` may all send a signal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def interrupt(*_: object) -> NoReturn:
    """Begin to stop."""
    ignore_signals()
    raise KeyboardInterrupt


def main() -> int:
    """Run everything; 0 when asked to stop."""
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    settings = load()
    if not is_free(settings.port, settings.host):
        print(
            f"Port {settings.port} is taken. Another one: PORT={settings.port + 1} uv run just dev",
            file=sys.stderr,
        )
        return 1
    try:
        with development(shared=False) as servers, ExitStack() as stack:
            env = {
                **environ,
                **servers.urls.environment(),
                "HEARTBEAT_DIR": str(VAR),
                "PYTHONUNBUFFERED": "1",
            }
            run("migrate", env)
            seeded = run("seed", env)  # before web: who finds it ready can sign in
            services = [Service(name, env) for name in NAMES]
            for service in services:
                stack.callback(service.stop)
            for service in services:
                # Called before any of them is waited for: they stop at the same time.
                stack.callback(service.ask_to_stop)
            stack.callback(ignore_signals)
            welcome = f"{settings.public_url}/docs\n{seeded}Mails: {settings.mail_dir}/"
            supervise(services, servers.started, f"http://{settings.host}:{settings.port}", welcome)
    except KeyboardInterrupt:
        return 0
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
