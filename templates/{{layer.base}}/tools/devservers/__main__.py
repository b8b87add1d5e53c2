"""Run the development servers.

python -m tools.devservers dev              with the whole service, until Ctrl-C
python -m tools.devservers run COMMAND...   with a command, until it ends
python -m tools.devservers psql ARGUMENT... with psql, as the role of the service
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from tools.devservers.server import ServerError, find_executable
from tools.devservers.servers import Urls, development


def run(
    command: list[str], environment: Callable[[Urls], dict[str, str]] = Urls.environment
) -> int:
    """Run a command with the servers in its environment; return its exit status."""
    with development() as servers:
        env = {**os.environ, **environment(servers.urls)}
        process = subprocess.Popen(command, env=env)
        # The terminal sends Ctrl-C to the command too; the servers must outlive it.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        return process.wait()


def find_psql() -> str:
    """Return the path of psql: that of the wheel, or else the one on PATH."""
    with suppress(ServerError):
        return find_executable("psql")
    if found := shutil.which("psql"):
        return found
    raise ServerError("psql is neither in the wheel of PostgreSQL nor on PATH: install it.")


def main() -> int:
    try:
        match sys.argv[1:]:
            case ["dev"]:
                from tools.devservers import dev

                dev.main()
                return 0
            case ["run", *command] if command:
                return run(command)
            case ["psql", *arguments]:
                return run([find_psql(), *arguments], Urls.libpq_environment)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
