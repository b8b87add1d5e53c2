from typing import Any

from sqlalchemy import select

from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work
from app.core.models import Base


def shell_context() -> dict[str, Any]:
    """Return the names in the shell: `select`, `tenancy`, `unit_of_work` and all models."""
    models = {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}
    return {"select": select, "tenancy": tenancy, "unit_of_work": unit_of_work, **models}
