"""Run the development servers.

python -m tools.devservers dev              with the whole service, until Ctrl-C
python -m tools.devservers run COMMAND...   with a command, until it ends
"""

import os
import signal
import subprocess
import sys

from tools.devservers.server import ServerError
from tools.devservers.servers import development


def run(command: list[str]) -> int:
    """Run a command with the URLs of the servers in its environment; return its exit status."""
    with development() as servers:
        env = {**os.environ, **servers.urls.environment()}
        process = subprocess.Popen(command, env=env)
        # The terminal sends Ctrl-C to the command too; the servers must outlive it.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        return process.wait()


def main() -> int:
    try:
        match sys.argv[1:]:
            case ["dev"]:
                from tools.devservers import dev

                dev.main()
                return 0
            case ["run", *command] if command:
                return run(command)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
