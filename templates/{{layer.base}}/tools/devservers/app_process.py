"""A process of `just dev`: `python -m tools.devservers.app_process RECORD SOCKET NAME`.

Runs `python -m app NAME`, writes the names of the source files that it loads to RECORD, and hands
it the listening SOCKET as systemd does: a restart refuses no connection.
"""

import os
import pdb
import runpy
import sys
from pathlib import Path
from types import CodeType

from tools.devservers.server import ROOT

# The first inherited socket, see sd_listen_fds(3).
LISTEN_FDS_START = 3


def main(record: Path, socket: int, name: str) -> None:
    if socket:  # first, since another file could get this number
        os.dup2(socket, LISTEN_FDS_START)
        os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
    record_sources(record)
    sys.argv = ["app", name]
    runpy.run_module("app", run_name="__main__", alter_sys=True)


def record_sources(record: Path) -> None:
    """Append the name of each file below src/ when it is imported, here or in a forked child."""
    source = str(ROOT / "src") + os.sep
    file = record.open("w", buffering=1)  # it stays open until the process ends

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "exec":
            (code,) = arguments
            if isinstance(code, CodeType) and code.co_filename.startswith(source):
                print(code.co_filename, file=file)

    sys.addaudithook(hook)


def set_trace() -> None:
    """Open the debugger on the terminal of `just dev`: PYTHONBREAKPOINT names this function."""
    terminal = Path(os.environ["DEV_TERMINAL"])
    # Open as long as the debugger is used: it returns before its first prompt.
    keyboard, screen = terminal.open(), terminal.open("w")
    pdb.Pdb(stdin=keyboard, stdout=screen).set_trace(sys._getframe(1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
