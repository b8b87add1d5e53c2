"""The steps a migration is made of.

Copier runs a migration before it renders the new version and again after. A step has a part for
either, and each may run twice: the second time it does nothing.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import PurePosixPath

from hooks.edits import Edit, all_edits, files
from hooks.project import Project


class Step:
    """What one migration does to one thing."""

    def before(self, project: Project) -> None:
        """Run before the new version is rendered."""

    def after(self, project: Project) -> None:
        """Run after the user's edits were merged into the new version."""


@dataclass(frozen=True)
class RenameAnswer(Step):
    """Keep what was answered to a question that has a new name."""

    old: str
    new: str

    def before(self, project: Project) -> None:
        file = project.root / project.answers_file
        text = file.read_text(encoding="utf-8")
        file.write_text(with_answer_renamed(text, self.old, self.new), encoding="utf-8")


@dataclass(frozen=True)
class ReplaceChoice(Step):
    """Answer with the choice that takes the place of one no longer offered."""

    question: str
    old: str
    new: str

    def before(self, project: Project) -> None:
        file = project.root / project.answers_file
        text = file.read_text(encoding="utf-8")
        changed = with_choice_replaced(text, self.question, self.old, self.new)
        file.write_text(changed, encoding="utf-8")


@dataclass(frozen=True)
class Move(Step):
    """Let a user's edits follow a file, or a directory of files, to its new place.

    A `git mv` alone keeps the edits, but every one of them becomes a conflict: Copier then has no
    common ancestor to merge with. So the edits are taken aside, with the file as it was
    generated, and merged into what the new version renders.
    """

    old: str
    new: str

    def before(self, project: Project) -> None:
        for edit in all_edits(project):  # of a file that an earlier step moved to where this one is
            if edit.target == self.old or edit.target.startswith(f"{self.old}/"):
                edit.move(self.target(edit.target))
        generated = files(project.as_generated, self.old)
        for name in sorted(generated | project.tracked(self.old)):
            self._take_aside(project, name, generated=name in generated)

    def after(self, project: Project) -> None:
        for edit in all_edits(project):
            edit.merge(project)

    def target(self, name: str) -> str:
        """Return the new place of a file."""
        return (PurePosixPath(self.new) / PurePosixPath(name).relative_to(self.old)).as_posix()

    def _take_aside(self, project: Project, name: str, *, generated: bool) -> None:
        mine, target = project.root / name, project.root / self.target(name)
        original = project.as_generated / name
        if not generated:
            if mine.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                project.git("mv", "--", name, self.target(name))
        elif not mine.is_file():
            Edit(project.notes, self.target(name)).write(None, original.read_bytes())
        elif mine.read_bytes() != original.read_bytes():
            Edit(project.notes, self.target(name)).write(mine.read_bytes(), original.read_bytes())
            shutil.copyfile(original, mine)
            project.git("add", "--", name)


def keep(path: str) -> Move:
    """Leave the user a file that the new version has no more, if they edited it."""
    return Move(path, path)


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
