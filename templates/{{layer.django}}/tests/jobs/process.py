"""A worker or a scheduler that knows the sample jobs: `python -m tests.jobs.process worker`."""

import sys

import django

django.setup()

from app.core import engine  # noqa: E402 - after Django, which has set up the logs
from tests.jobs import samples  # noqa: E402, F401 - declares them

{"worker": engine.worker, "scheduler": engine.scheduler}[sys.argv[1]]()
