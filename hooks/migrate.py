"""Run the migration of one version, in the project that is being updated.

Copier calls this for every version that an update crosses (`_migrations` in copier.yml), before
it renders the new one. It runs on Copier's Python: only the standard library is there.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hooks.steps import Project
from hooks.versions import MIGRATIONS


def run(version: str, project: Project) -> None:
    """Run the steps of a version in order."""
    for step in MIGRATIONS[version]:
        step(project)


if __name__ == "__main__":
    run(sys.argv[1], Project(Path.cwd(), sys.argv[2]))
