"""The migration steps of each version.

None so far. An example:

    "2.0.0": [
        Move("docs/runbook.md", "docs/operations.md"),
        RenameAnswer("jobs", "job_engine"),
    ],

Add the version to `_migrations` of copier.yml as well (docs/updating.md); a test compares them.
"""

from hooks.steps import Step

MIGRATIONS: dict[str, list[Step]] = {}
