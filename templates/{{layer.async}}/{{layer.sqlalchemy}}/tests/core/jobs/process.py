"""A worker or scheduler with the sample jobs: `python -m tests.core.jobs.process worker`."""

import sys

from app.core.jobs import worker
from app.core.ops import log
from tests.core.jobs import samples  # noqa: F401 - importing it declares the sample jobs

log.configure()
{"worker": worker.run_worker, "scheduler": worker.run_scheduler}[sys.argv[1]]()
