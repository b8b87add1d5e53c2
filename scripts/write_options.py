"""Write docs/options.md from copier.yml: `uv run python scripts/write_options.py`.

A test compares the two.
"""

from pathlib import Path
from typing import Any

import yaml
from jinja2 import Template

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "options.md"
INTRODUCTION = """\
# Options

Written from `copier.yml` by `scripts/write_options.py`; a test keeps the two alike.

Answer at the terminal, or give answers beforehand: `-d jobs=arq` for one, `--data-file answers.yml`
for several, `--defaults` for the rest. An answer that cannot be taken ends the command with the
reason, before anything is written. Text may be any single line that can be shown.
"""


def options() -> str:
    """Describe every question."""
    questions = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    asked = {
        name: question
        for name, question in questions.items()
        if not name.startswith("_") and question.get("when", True)
    }
    defaults = {name: question["default"] for name, question in asked.items()}
    return INTRODUCTION + "".join(describe(name, q, defaults) for name, q in asked.items())


def describe(name: str, question: dict[str, Any], defaults: dict[str, str]) -> str:
    """Describe one question."""
    text = Template(question["help"]).render(defaults)
    lines = [f"\n## `{name}`\n", text, f"\nDefault: {default(name, question, defaults)}\n"]
    choices = question.get("choices")
    if isinstance(choices, dict):
        lines += [f"- `{value}`: {meaning}" for meaning, value in choices.items()]
    elif choices:
        lines += [f"- `{value}`" for value in choices]
    return "\n".join(lines).rstrip("\n") + "\n"


def default(name: str, question: dict[str, Any], defaults: dict[str, str]) -> str:
    """Say what is taken when nothing is answered."""
    if name == "project_slug":
        return "made from the name, such as `acme-cloud`"
    return f"`{Template(question['default']).render(defaults)}`"


if __name__ == "__main__":
    TARGET.write_text(options(), encoding="utf-8")
