"""Run a worker or scheduler with the sample jobs: `python -m tests.core.jobs.process worker`."""

import sys

import django

django.setup()

from app.core.jobs import worker  # noqa: E402 - models must be loaded first
from tests.core.jobs import samples  # noqa: E402, F401 - importing it declares the sample jobs

{"worker": worker.run_worker, "scheduler": worker.run_scheduler}[sys.argv[1]]()
