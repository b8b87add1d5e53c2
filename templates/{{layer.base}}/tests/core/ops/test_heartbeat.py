import os
import time
from pathlib import Path

import pytest

from app.core.ops import heartbeat
from app.settings import settings


def test_process_is_alive_while_its_heartbeat_is_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.__dict__, "heartbeat_dir", tmp_path / "heartbeats")
    assert not heartbeat.is_alive("worker")
    heartbeat.touch("worker")
    assert heartbeat.is_alive("worker")
    assert not heartbeat.is_alive("scheduler")
    long_ago = time.time() - 120
    os.utime(tmp_path / "heartbeats/worker.alive", (long_ago, long_ago))
    assert not heartbeat.is_alive("worker")
    heartbeat.touch("worker")
    assert heartbeat.is_alive("worker")
