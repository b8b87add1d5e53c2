"""The user's edits of files that a migration moves, from one stage to the other."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hooks.project import Project

MOST_CONFLICTS = 127  # git merge-file counts up to here; beyond, it failed


@dataclass(frozen=True)
class Edit:
    """What a user made of a generated file, kept until the new version is rendered."""

    notes: Path
    target: str

    @property
    def mine(self) -> Path:
        """The file with the edits; not there when the user deleted it."""
        return self.notes / "mine" / self.target

    @property
    def original(self) -> Path:
        """The file as it was generated."""
        return self.notes / "original" / self.target

    def write(self, mine: bytes | None, original: bytes) -> None:
        """Take the edits aside."""
        for file, content in ((self.mine, mine), (self.original, original)):
            if content is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)

    def move(self, target: str) -> None:
        """Let them belong to another file."""
        if target == self.target:
            return
        mine = self.mine.read_bytes() if self.mine.is_file() else None
        Edit(self.notes, target).write(mine, self.original.read_bytes())
        self.drop()

    def drop(self) -> None:
        """Forget them."""
        self.mine.unlink(missing_ok=True)
        self.original.unlink()

    def merge(self, project: Project) -> None:
        """Merge them into the file that the new version rendered."""
        theirs = project.root / self.target
        if not self.mine.is_file():
            theirs.unlink(missing_ok=True)
        elif not theirs.is_file():
            theirs.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.mine, theirs)
        else:
            self._merge_into(theirs, project)
        self.drop()

    def _merge_into(self, theirs: Path, project: Project) -> None:
        labels = ("-L", "before updating", "-L", "last update", "-L", "after updating")
        merged = subprocess.run(
            ["git", "merge-file", "--stdout", *labels, self.mine, self.original, theirs],
            check=False, capture_output=True,
        )  # fmt: skip
        if merged.returncode > MOST_CONFLICTS:  # it is no text
            shutil.copyfile(self.mine, theirs)
            return
        if merged.returncode:
            _mark_as_unmerged(project, self.target, (self.original, self.mine, theirs))
        theirs.write_bytes(merged.stdout)


def files(root: Path, name: str) -> set[str]:
    """Return the files at or below a path."""
    path = root / name
    found = path.rglob("*") if path.is_dir() else [path]
    return {file.relative_to(root).as_posix() for file in found if file.is_file()}


def all_edits(project: Project) -> list[Edit]:
    """Return what was taken aside and not yet merged."""
    originals = project.notes / "original"
    return [Edit(project.notes, name) for name in sorted(files(originals, "."))]


def _mark_as_unmerged(project: Project, target: str, versions: tuple[Path, ...]) -> None:
    """Let `git status` list the file, as it does for the conflicts that Copier finds."""
    path = project.git("rev-parse", "--show-prefix").strip() + target
    lines = [f"0 {'0' * 40}\t{path}"]
    for stage, file in enumerate(versions, start=1):
        blob = project.git("hash-object", "-w", "--", str(file)).strip()
        lines.append(f"100644 {blob} {stage}\t{path}")
    subprocess.run(
        ["git", "update-index", "--index-info"],
        cwd=project.root, check=True, input="\n".join(lines), text=True,
    )  # fmt: skip
