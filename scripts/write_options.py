"""Write docs/options.md from copier.yml: `uv run python scripts/write_options.py`."""

from pathlib import Path
from typing import Any

import yaml
from jinja2 import Template

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "options.md"
INTRODUCTION = """\
# Options

Generated from `copier.yml` by `scripts/write_options.py`; a test compares the two.

Answer at the terminal or on the command line: `-d jobs=arq` for one answer, `--data-file
answers.yml` for several, `--defaults` for all others. An invalid answer ends the command with the
reason before any file is written. Text is a single line without control characters.
"""


def options() -> str:
    """Return the document."""
    questions = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    asked = {
        name: question
        for name, question in questions.items()
        if not name.startswith("_") and question.get("when", True)
    }
    defaults = {name: question["default"] for name, question in asked.items()}
    return INTRODUCTION + "".join(describe(name, q, defaults) for name, q in asked.items())


def describe(name: str, question: dict[str, Any], defaults: dict[str, str]) -> str:
    """Return the section of a question."""
    text = Template(question["help"]).render(defaults)
    lines = [f"\n## `{name}`\n", text, f"\nDefault: {default(name, question, defaults)}\n"]
    choices = question.get("choices")
    if isinstance(choices, dict):
        lines += [f"- `{value}`: {meaning}" for meaning, value in choices.items()]
    elif choices:
        lines += [f"- `{value}`" for value in choices]
    return "\n".join(lines).rstrip("\n") + "\n"


def default(name: str, question: dict[str, Any], defaults: dict[str, str]) -> str:
    if name == "project_slug":
        return "derived from `project_name`, such as `acme-cloud`"
    if question.get("multiselect"):
        return ", ".join(f"`{choice}`" for choice in question["default"])
    return f"`{Template(question['default']).render(defaults)}`"


if __name__ == "__main__":
    TARGET.write_text(options(), encoding="utf-8")
