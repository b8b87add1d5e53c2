"""Write the OpenAPI document, in fragments, into the template: `uv run scripts/refresh_openapi.py`.

A service contains its published contract, and rendering runs no code. So this script renders a
service with every feature per document from the working tree, generates the document there, and
divides it by module. `openapi.json.jinja` joins the fragments of the modules that a service has.
`just check` of a service finds a stale document.
"""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml
from copier import run_copy

type Document = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
FRAGMENTS = ROOT / "templates" / "_partials" / "openapi"
# Flask shares FastAPI's document; Django's has the account operations of allauth instead.
FRAMEWORKS = ("fastapi", "django")
REFERENCE = re.compile(r'"#/components/schemas/(\w+)"')


def main() -> None:
    """Replace the fragments; a framework has fragments of its own only where they differ."""
    shared, *others = (divide(document(framework)) for framework in FRAMEWORKS)
    files = {f"{module}.json": fragment for module, fragment in shared.items()}
    for framework, fragments in zip(FRAMEWORKS[1:], others, strict=True):
        files |= {
            f"{module}.{framework}.json": fragment
            for module, fragment in fragments.items()
            if fragment != shared.get(module)
        }
    FRAGMENTS.mkdir(exist_ok=True)
    for path in FRAGMENTS.glob("*.json"):
        path.unlink()
    for name, fragment in files.items():
        text = json.dumps(fragment, indent=2, ensure_ascii=False)
        if "{{" in text or "{%" in text or "{#" in text:
            raise SystemExit(
                f"{name} contains Jinja syntax ({{{{, {{% or {{#}}): change the text in the schemas"
            )
        (FRAGMENTS / name).write_text(text + "\n", encoding="utf-8")


def document(framework: str) -> Document:
    """Render a service with every feature, and return its OpenAPI document."""
    with tempfile.TemporaryDirectory() as directory:
        service = Path(directory) / "service"
        data = {"framework": framework, "features": features()}
        run_copy(str(ROOT), service, data=data, defaults=True, quiet=True, vcs_ref="HEAD")
        environment = os.environ | {"ENVIRONMENT": "test"}
        environment.pop("VIRTUAL_ENV", None)
        command = ("uv", "run", "--no-dev", "python", "-m", "app", "openapi")
        subprocess.run(command, cwd=service, env=environment, check=True)
        found: Document = json.loads((service / "openapi.json").read_text(encoding="utf-8"))
    return found


def features() -> list[str]:
    questions = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    return list(questions["features"]["choices"].values())


def divide(document: Document) -> dict[str, Document]:
    """Return paths and schemas by module; `core` has what belongs to none, and all else.

    Django's fragment `allauth` has the operations of django-allauth, which come last. A schema is
    in the first fragment that refers to it; those of features come last, since a service may lack
    them.
    """
    paths: dict[str, Document] = {}
    for path, operations in document["paths"].items():
        tag = next(iter(operations.values()))["tags"][0].lower().replace(" ", "_")
        top = path.split("/")[1]
        module = {"api": tag, "_allauth": "allauth"}.get(top, "core")
        paths.setdefault(module, {})[path] = operations
    components = document["components"]
    schemas = dict(components.pop("schemas"))
    fragments: dict[str, Document] = {}
    for module in sorted(paths, key=features().__contains__):
        fragment: Document = {"paths": paths[module], "schemas": {}}
        if module == "core":
            fragment |= {"openapi": document["openapi"], "components": components}
        while used := set(REFERENCE.findall(json.dumps(fragment))) & set(schemas):
            fragment["schemas"] |= {name: schemas.pop(name) for name in sorted(used)}
        fragment["schemas"] = dict(sorted(fragment["schemas"].items()))
        fragments[module] = fragment
    if schemas:
        raise SystemExit(f"no operation refers to the schemas {', '.join(schemas)}")
    return fragments


if __name__ == "__main__":
    main()
