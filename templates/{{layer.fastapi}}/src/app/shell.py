"""The command `shell`: a Python shell in which `await` works."""

import ast
import asyncio
import code
import inspect
import readline
import rlcompleter
from types import CodeType, FunctionType
from typing import Any

from app.core import redis
from app.core.db.engine import engine
from app.shell_context import shell_context


class _Console(code.InteractiveConsole):
    """Runs all input in one event loop: database connections cannot be used in another one."""

    def __init__(self, names: dict[str, Any], runner: asyncio.Runner) -> None:
        super().__init__(names)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._names = names
        self._runner = runner

    def runcode(self, code: CodeType) -> None:
        try:
            # With `await` in it, the code is that of a coroutine function.
            result = FunctionType(code, self._names)()
            if inspect.iscoroutine(result):
                self._runner.run(result)
        except SystemExit:
            raise
        except BaseException:  # noqa: BLE001 - a shell shows every error and goes on
            self.showtraceback()


async def _close() -> None:
    await redis.client.aclose()
    await engine.dispose()


def run_shell() -> None:
    names = shell_context()
    readline.set_completer(rlcompleter.Completer(names).complete)
    readline.parse_and_bind("tab: complete")
    with asyncio.Runner() as runner:
        _Console(names, runner).interact(f"Names: {', '.join(sorted(names))}. `await` works.")
        runner.run(_close())
