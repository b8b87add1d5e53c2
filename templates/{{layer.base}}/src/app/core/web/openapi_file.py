"""The published contract, `openapi.json`: the command `openapi` writes and checks it."""

import json
from pathlib import Path
from typing import Any

PATH = Path("openapi.json")
STALE = "openapi.json is stale: run `just openapi` and commit it."


def write(document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=2, ensure_ascii=False)
    PATH.write_text(text + "\n", encoding="utf-8")


def is_current(document: dict[str, Any]) -> bool:
    """Return whether the file contains this document."""
    return bool(document == json.loads(PATH.read_text(encoding="utf-8")))
