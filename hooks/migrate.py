"""Run the migration of one version, in the service that is being updated.

Copier runs this for every version an update crosses (`_migrations` in copier.yml), in its own
Python 3.10 or later: only the standard library, Copier and its dependencies are installed.
"""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hooks.project import Project
from hooks.versions import MIGRATIONS


def run(stage: str, version: str, project: Project) -> None:
    """Run the stage, `before` or `after`, of each step of a version."""
    for step in MIGRATIONS[version]:
        if stage == "before":
            step.before(project)
        else:
            step.after(project)
    if stage == "after":
        shutil.rmtree(project.state, ignore_errors=True)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], Project(Path.cwd(), sys.argv[3]))
