"""A worker or a scheduler that knows the sample jobs: `python -m tests.jobs.process worker`."""

import sys

from app.core import engine, log
from tests.jobs import samples  # noqa: F401 - declares them

log.configure()
{"worker": engine.worker, "scheduler": engine.scheduler}[sys.argv[1]]()
