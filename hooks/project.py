"""The service that is being updated."""

import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass
class Project:
    """A service, in git and without uncommitted changes: Copier has seen to that."""

    root: Path
    answers_file: str = ".copier-answers.yml"

    def git(self, *arguments: str) -> str:
        """Run git and return what it printed."""
        return subprocess.run(
            ["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True
        ).stdout

    def tracked(self, path: str) -> set[str]:
        """Return the files that git knows at or below a path."""
        return {name for name in self.git("ls-files", "-z", "--", path).split("\0") if name}

    @cached_property
    def notes(self) -> Path:
        """Where one stage of the migration leaves something for the other.

        The name of the commit keeps apart what an earlier update, given up, has left.
        """
        folder = self.git("rev-parse", "--absolute-git-dir").strip()
        return Path(folder, "copier-saas", self.git("rev-parse", "HEAD").strip())

    @cached_property
    def as_generated(self) -> Path:
        """What the old version made of the recorded answers: the service without any edit."""
        target = self.notes / "generated"
        if not target.exists():
            # There in Copier's own Python, which runs this; nothing else here needs them.
            import yaml  # noqa: PLC0415 - not in every Python
            from copier import run_copy  # noqa: PLC0415 - likewise

            answers = yaml.safe_load(self.git("show", f"HEAD:./{self.answers_file}"))
            source, version = answers.pop("_src_path"), answers.pop("_commit")
            run_copy(source, target, data=answers, vcs_ref=version, defaults=True, quiet=True)
        return target
