"""The steps of migrations.

Copier runs a migration before and after it renders the new version. Both parts of a step are
idempotent, since an interrupted update is repeated.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import PurePosixPath

from hooks.edits import Edit, all_edits, files
from hooks.project import Project


class Step:
    """One change of a migration."""

    def before(self, project: Project) -> None:
        """Run before the new version is rendered."""

    def after(self, project: Project) -> None:
        """Run after Copier merged the user's edits into the new version."""


@dataclass(frozen=True)
class RenameAnswer(Step):
    """Keep the answer to a renamed question."""

    old: str
    new: str

    def before(self, project: Project) -> None:
        file = project.root / project.answers_file
        text = file.read_text(encoding="utf-8")
        file.write_text(with_answer_renamed(text, self.old, self.new), encoding="utf-8")


@dataclass(frozen=True)
class ReplaceChoice(Step):
    """Replace an answer whose choice was removed."""

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
    """Move a user's edits along with a renamed file or directory.

    After `git mv` alone every edit would become a conflict, since Copier finds no common ancestor.
    So the edits are saved together with the generated file, and merged into the file that the new
    version renders.
    """

    old: str
    new: str

    def before(self, project: Project) -> None:
        for edit in all_edits(project):  # an earlier step may have moved a file to `self.old`
            if edit.target == self.old or edit.target.startswith(f"{self.old}/"):
                edit.move(self.target(edit.target))
        generated = files(project.as_generated, self.old)
        for name in sorted(generated | project.tracked(self.old)):
            self._save_edit(project, name, generated=name in generated)

    def after(self, project: Project) -> None:
        for edit in all_edits(project):
            edit.merge(project)

    def target(self, name: str) -> str:
        """Return the new path of a file."""
        return (PurePosixPath(self.new) / PurePosixPath(name).relative_to(self.old)).as_posix()

    def _save_edit(self, project: Project, name: str, *, generated: bool) -> None:
        ours, target = project.root / name, project.root / self.target(name)
        base = project.as_generated / name
        if not generated:
            if ours.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                project.git("mv", "--", name, self.target(name))
        elif not ours.is_file():
            Edit(project.state, self.target(name)).write(None, base.read_bytes())
        elif ours.read_bytes() != base.read_bytes():
            Edit(project.state, self.target(name)).write(ours.read_bytes(), base.read_bytes())
            shutil.copyfile(base, ours)
            project.git("add", "--", name)


def keep(path: str) -> Move:
    """Keep a removed file in the service if the user edited it."""
    return Move(path, path)


def with_answer_renamed(text: str, old: str, new: str) -> str:
    """Rename a key of the answers file, unless the new key exists."""
    if _answer(new).search(text):
        return text
    return _answer(old).sub(rf"{new}:\2", text)


def with_choice_replaced(text: str, question: str, old: str, new: str) -> str:
    """Replace a choice in the answers file, quoted or unquoted."""
    pattern = re.compile(rf"^({re.escape(question)}: )(['\"]?){re.escape(old)}\2$", re.MULTILINE)
    return pattern.sub(rf"\g<1>\g<2>{new}\g<2>", text)


def _answer(name: str) -> re.Pattern[str]:
    return re.compile(rf"^({re.escape(name)}):( |$)", re.MULTILINE)
