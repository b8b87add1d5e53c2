"""What the service is called: read as data, so that any name is only a name."""

import json
from importlib.resources import files

_about: dict[str, str] = json.loads((files("app") / "about.json").read_text(encoding="utf-8"))

NAME = _about["name"]
DESCRIPTION = _about["description"]
