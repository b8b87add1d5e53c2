"""Child processes that end with this process, even when it is killed."""

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

# The shell starts a watcher in the background and then becomes the command. The watcher reads
# from a pipe whose write end only this process holds: the read returns when this process ends,
# even by SIGKILL, and the watcher signals the process group. The id of the group cannot have been
# reused by then, because the watcher is a member of it.
_WATCHED = """
exec 3<&0 </dev/null
( (cat <&3 >/dev/null; kill -s "$0" -- "-$$") & )
exec "$@" 3<&-
"""


class ManagedProcess:
    """A child process, in a process group of its own, that ends with this process.

    `output` is the file descriptor of its stdout and stderr; by default it inherits both. It also
    gets the file descriptors `inherited`, of which none can be 3.
    """

    def __init__(
        self,
        command: list[str],
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        output: int | None = None,
        user: int | None = None,
        inherited: tuple[int, ...] = (),
    ) -> None:
        self.stop_signal = stop_signal
        self._signalled = False
        self.popen = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHED, stop_signal.name.removeprefix("SIG"), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            env=env,
            cwd=cwd,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            pass_fds=inherited,
            # The terminal sends Ctrl-C to this process only, which stops its children in order.
            start_new_session=True,
        )

    def send_stop_signal(self) -> None:
        """Send `stop_signal`, once: many programs exit at once on the second signal."""
        if not self._signalled and self.popen.poll() is None:
            self.popen.send_signal(self.stop_signal)
        self._signalled = True

    def stop(self, timeout: float = 20) -> int:
        """Send `stop_signal`, wait up to `timeout` seconds, and kill the process group.

        Returns the exit status.
        """
        self.send_stop_signal()
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(timeout)
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        if self.popen.stdin:
            self.popen.stdin.close()
        return self.popen.wait()
