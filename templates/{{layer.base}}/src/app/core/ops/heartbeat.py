"""How a container tells that its worker or scheduler is alive: a file that a timer touches."""

import time
from typing import Literal

from app.settings import settings

type Role = Literal["worker", "scheduler"]

INTERVAL_SECONDS = 10
_STALE_SECONDS = 90


def touch(role: Role) -> None:
    """Tell that this process gets on."""
    settings.heartbeat_dir.mkdir(parents=True, exist_ok=True)
    (settings.heartbeat_dir / f"{role}.alive").touch()


def is_alive(role: Role) -> bool:
    """Tell whether the process with this role has got on lately."""
    try:
        touched = (settings.heartbeat_dir / f"{role}.alive").stat().st_mtime
    except FileNotFoundError:
        return False
    return time.time() - touched < _STALE_SECONDS
