"""Run the migration of one version, in the service that is being updated.

Copier calls this for every version that an update crosses (`_migrations` in copier.yml), with
its own Python, 3.10 or later: nothing but the standard library and Copier itself is there.
"""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hooks.project import Project
from hooks.versions import MIGRATIONS


def run(stage: str, version: str, project: Project) -> None:
    """Run one stage of every step of a version, in order."""
    for step in MIGRATIONS[version]:
        if stage == "before":
            step.before(project)
        else:
            step.after(project)
    if stage == "after":
        shutil.rmtree(project.notes, ignore_errors=True)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], Project(Path.cwd(), sys.argv[3]))
