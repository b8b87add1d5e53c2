"""Write the services' OpenAPI documents into the template: `uv run scripts/refresh_openapi.py`.

A service contains its published contract, and rendering runs no code. So this script renders a
service per document from the working tree, generates the document there, and replaces title and
description by the answers they come from. `just check` of a service finds a stale document.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

from copier import run_copy

ROOT = Path(__file__).resolve().parent.parent
# Flask shares FastAPI's document; Django's lacks the account operations that allauth provides.
TARGETS = {
    "fastapi": ROOT / "templates/{{layer.sqlalchemy}}/openapi.json.jinja",
    "django": ROOT / "templates/{{layer.django}}/openapi.json.jinja",
}
ANSWERS = {"title": "project_name", "description": "project_description"}


def main() -> None:
    for framework, target in TARGETS.items():
        refresh(framework, target)


def refresh(framework: str, target: Path) -> None:
    """Write the document of one framework."""
    with tempfile.TemporaryDirectory() as directory:
        service = Path(directory) / "service"
        data = {"framework": framework}
        run_copy(str(ROOT), service, data=data, defaults=True, quiet=True, vcs_ref="HEAD")
        environment = os.environ | {"ENVIRONMENT": "test"}
        environment.pop("VIRTUAL_ENV", None)
        command = ("uv", "run", "--no-dev", "python", "-m", "app", "openapi")
        subprocess.run(command, cwd=service, env=environment, check=True)
        document = json.loads((service / "openapi.json").read_text(encoding="utf-8"))
    for field in ANSWERS:
        document["info"][field] = f"@{field}@"
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if "{{" in text or "{%" in text or "{#" in text:
        raise SystemExit(
            f"the OpenAPI document of {framework} contains Jinja syntax ({{{{, {{% or {{#}}): "
            "change the text in the schemas"
        )
    for field, answer in ANSWERS.items():
        text = text.replace(f'"@{field}@"', f"{{{{ {answer} | to_json(ensure_ascii=False) }}}}")
    target.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
