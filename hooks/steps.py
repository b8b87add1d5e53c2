"""The steps a migration is made of. Each may run twice: the second time it does nothing."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Project:
    """The service that is being updated."""

    root: Path
    answers_file: str = ".copier-answers.yml"


type Step = Callable[[Project], None]


def rename_answer(old: str, new: str) -> Step:
    """Keep what was answered to a question that has a new name."""
    return _edit_answers(lambda text: with_answer_renamed(text, old, new))


def replace_choice(question: str, old: str, new: str) -> Step:
    """Answer with the choice that takes the place of one no longer offered."""
    return _edit_answers(lambda text: with_choice_replaced(text, question, old, new))


def move(old: str, new: str) -> Step:
    """Let a user's edits follow a file or directory to its new place."""

    def step(project: Project) -> None:
        source, target = project.root / old, project.root / new
        if not source.exists() or target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        # Copier compares with the index: a move that git does not know of loses the edits.
        if _git(project.root, "ls-files", "--", old):
            _git(project.root, "mv", "--", old, new)
        else:
            source.rename(target)

    return step


def keep(path: str, *, as_: str) -> Step:
    """Leave the user a copy of a file that the update is about to delete."""

    def step(project: Project) -> None:
        source, target = project.root / path, project.root / as_
        if source.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)

    return step


def with_answer_renamed(text: str, old: str, new: str) -> str:
    """Rename a key of the answers file; an answer already there under the new name wins."""
    if _answer(new).search(text):
        return text
    return _answer(old).sub(rf"{new}:\2", text)


def with_choice_replaced(text: str, question: str, old: str, new: str) -> str:
    """Replace one choice, plain or quoted, in the answers file."""
    pattern = re.compile(rf"^({re.escape(question)}: )(['\"]?){re.escape(old)}\2$", re.MULTILINE)
    return pattern.sub(rf"\g<1>\g<2>{new}\g<2>", text)


def _answer(name: str) -> re.Pattern[str]:
    return re.compile(rf"^({re.escape(name)}):( |$)", re.MULTILINE)


def _edit_answers(edit: Callable[[str], str]) -> Step:
    def step(project: Project) -> None:
        file = project.root / project.answers_file
        before = file.read_text(encoding="utf-8")
        if (after := edit(before)) != before:
            file.write_text(after, encoding="utf-8")

    return step


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=root, check=True, capture_output=True, text=True
    ).stdout
