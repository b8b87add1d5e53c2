"""What the models promise: loading (rule 8), times and ids (rule 9), stored secrets (rule 11)."""

import re
from collections.abc import Iterator
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import BinaryField, DateTimeField, Field, Model

from app.core.models import Manager
from tests.architecture.loaded import load
from tests.architecture.source import assert_no_violations

load()

# Names of columns that hold what opens something.
SECRET = re.compile(
    r"(^|_)(token|secret|password|passphrase|pin|otp)$|^(code|key)$"
    r"|(recovery|reset|verification)_code$|(access|api|private)_key$"
)
# Columns that are named like it and open nothing, and why.
NOT_SECRET = {
    "idempotency_keys.key": "chosen by the caller",
    "users.password": "Django's name for the hash of it",
}


def models() -> list[type[Model]]:
    """Return the service's own models."""
    return [model for model in apps.get_models() if model.__module__.startswith("app.")]


def fields() -> Iterator[tuple[str, Field[object, object]]]:
    for model in models():
        for field in model._meta.local_fields:
            yield f"{model._meta.db_table}.{field.column}", field


def test_lazy_loading_raises() -> None:
    assert_no_violations(
        (
            f"{model._meta.label}.{manager.name}"
            for model in models()
            for manager in model._meta.managers
            if not isinstance(manager, Manager)
        ),
        rule=8,
        message="lazy loading raises.",
        fix="objects = Manager[...]() of app.core.models; a query names"
        " what it loads, with select_related() or prefetch_related().",
    )


def test_times_are_timezone_aware() -> None:
    def found() -> Iterator[str]:
        if not (settings.USE_TZ and settings.TIME_ZONE == "UTC"):
            yield "src/app/config/settings.py: USE_TZ and TIME_ZONE"
        for name, field in fields():
            is_time = isinstance(field, DateTimeField)
            if is_time and field.db_type(connection) != "timestamp with time zone":
                yield name

    assert_no_violations(
        found(),
        rule=9,
        message="times are timezone-aware.",
        fix="a DateTimeField, with USE_TZ and UTC as they were.",
    )


def test_ids_are_uuid7() -> None:
    def is_uuid7(field: Field[object, object]) -> bool:
        made = field.get_default()
        return isinstance(made, UUID) and made.version == 7

    assert_no_violations(
        (
            name
            for name, field in fields()
            if field.primary_key and not field.is_relation and not is_uuid7(field)
        ),
        rule=9,
        message="ids are UUIDv7, made by the service.",
        fix="let the model inherit from app.core.models.Identified.",
    )


def test_secrets_are_stored_hashed() -> None:
    assert_no_violations(
        (
            name
            for name, field in fields()
            if SECRET.search(field.column or "") and name not in NOT_SECRET
            if not isinstance(field, BinaryField)
        ),
        rule=11,
        message="secrets are stored hashed, or encrypted when they must be read again.",
        fix="a column `..._hash` with app.core.crypto.hash_secret, or a BinaryField with"
        " app.core.crypto.encrypt. What is no secret goes to NOT_SECRET in this file.",
    )
