"""The service being updated."""

import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass
class Project:
    """A service in git with a clean work tree, as Copier requires for updates."""

    root: Path
    answers_file: str = ".copier-answers.yml"

    def git(self, *arguments: str) -> str:
        """Run git in the service and return its standard output."""
        return subprocess.run(
            ["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True
        ).stdout

    def tracked(self, path: str) -> set[str]:
        """Return the files tracked by git at or below a path."""
        return {name for name in self.git("ls-files", "-z", "--", path).split("\0") if name}

    @cached_property
    def state(self) -> Path:
        """Directory in .git for data that the stage `before` saves for the stage `after`.

        The commit in its path separates it from the data of an earlier, aborted update.
        """
        folder = self.git("rev-parse", "--absolute-git-dir").strip()
        return Path(folder, "copier-saas", self.git("rev-parse", "HEAD").strip())

    @cached_property
    def as_generated(self) -> Path:
        """The service without edits: the old version, rendered with the recorded answers."""
        target = self.state / "generated"
        if not target.exists():
            import yaml  # noqa: PLC0415 - only the Python of Copier has it
            from copier import run_copy  # noqa: PLC0415 - only the Python of Copier has it

            answers = yaml.safe_load(self.git("show", f"HEAD:./{self.answers_file}"))
            source, version = answers.pop("_src_path"), answers.pop("_commit")
            run_copy(source, target, data=answers, vcs_ref=version, defaults=True, quiet=True)
        return target
