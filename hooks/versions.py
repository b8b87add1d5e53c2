"""Which steps an update runs when it crosses a version.

None so far. The first would read:

    "2.0.0": [
        Move("docs/runbook.md", "docs/operations.md"),
        RenameAnswer("jobs", "job_engine"),
    ],

and stand in `_migrations` of copier.yml too (docs/updating.md); a test compares the two.
"""

from hooks.steps import Step

MIGRATIONS: dict[str, list[Step]] = {}
