"""Name and description of the service, from `about.json`: any character is allowed in them."""

import json
from importlib.resources import files

_about: dict[str, str] = json.loads((files("app") / "about.json").read_text(encoding="utf-8"))

NAME = _about["name"]
DESCRIPTION = _about["description"]
