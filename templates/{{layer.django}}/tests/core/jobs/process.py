"""Run a worker or scheduler with the sample jobs: `python -m tests.core.jobs.process worker`."""

import sys

import django

django.setup()

from app.core.jobs import worker  # noqa: E402 - after Django, which has set up the logs
from tests.core.jobs import samples  # noqa: E402, F401 - declares them

{"worker": worker.run_worker, "scheduler": worker.run_scheduler}[sys.argv[1]]()
