"""Heartbeat files of worker and scheduler; `python -m app alive` checks their age."""

import time
from typing import Literal

from app.settings import settings

type Role = Literal["worker", "scheduler"]

INTERVAL_SECONDS = 10
_STALE_SECONDS = 90


def touch(role: Role) -> None:
    """Touch the heartbeat file of this process."""
    settings.heartbeat_dir.mkdir(parents=True, exist_ok=True)
    (settings.heartbeat_dir / f"{role}.alive").touch()


def is_alive(role: Role) -> bool:
    """Return whether the heartbeat file is younger than 90 seconds."""
    try:
        touched = (settings.heartbeat_dir / f"{role}.alive").stat().st_mtime
    except FileNotFoundError:
        return False
    return time.time() - touched < _STALE_SECONDS
