"""What the models promise: loading (rule 8), times and ids (rule 9), stored secrets (rule 11)."""

import re
from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import Column, DateTime, LargeBinary
from sqlalchemy.orm import configure_mappers
from sqlalchemy.sql.schema import CallableColumnDefault

from app.core.models import Base
from app.models import register_models
from tests.architecture.source import assert_no_violations

register_models()

# Names of columns that hold what opens something.
SECRET = re.compile(
    r"(^|_)(token|secret|password|passphrase|pin|otp)$|^(code|key)$"
    r"|(recovery|reset|verification)_code$|(access|api|private)_key$"
)
# Columns that are named like it and open nothing, and why.
NOT_SECRET = {"idempotency_keys.key": "chosen by the caller"}


def columns() -> Iterator[tuple[str, Column[object]]]:
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            yield f"{table.name}.{column.name}", column


def test_lazy_loading_raises() -> None:
    def found() -> Iterator[str]:
        configure_mappers()
        for mapper in Base.registry.mappers:
            name = mapper.class_.__name__
            for relationship in mapper.relationships:
                if relationship.lazy not in {"raise", "write_only"}:
                    yield f'{name}.{relationship.key}  lazy="{relationship.lazy}"'
            for attribute in mapper.column_attrs:
                if attribute.deferred and not attribute.raiseload:
                    yield f"{name}.{attribute.key}  deferred without deferred_raiseload"

    assert_no_violations(
        found(),
        rule=8,
        message="lazy loading raises.",
        fix='relationship(lazy="raise") and mapped_column(deferred_raiseload=True); a query'
        " names what it loads, with selectinload() or undefer().",
    )


def test_times_know_their_zone() -> None:
    assert_no_violations(
        (
            name
            for name, column in columns()
            if isinstance(column.type, DateTime) and not column.type.timezone
        ),
        rule=9,
        message="times are timezone-aware.",
        fix="Mapped[datetime], which app.core.models maps to DateTime(timezone=True).",
    )


def test_ids_are_uuid7() -> None:
    def is_uuid7(column: Column[object]) -> bool:
        default = column.default
        if not isinstance(default, CallableColumnDefault):
            return False
        made = default.arg(None)  # type: ignore[arg-type]  # it needs no context
        return isinstance(made, UUID) and made.version == 7

    assert_no_violations(
        (
            name
            for name, column in columns()
            if column.primary_key and not column.foreign_keys and not is_uuid7(column)
        ),
        rule=9,
        message="ids are UUIDv7, made by the service.",
        fix="let the model inherit from app.core.models.Identified.",
    )


def test_secrets_are_stored_hashed() -> None:
    assert_no_violations(
        (
            name
            for name, column in columns()
            if SECRET.search(column.name) and name not in NOT_SECRET
            if not isinstance(column.type, LargeBinary)
        ),
        rule=11,
        message="secrets are stored hashed, or encrypted when they must be read again.",
        fix="a column `..._hash` with app.core.crypto.hash_secret, or Mapped[bytes] with"
        " app.core.crypto.encrypt. What is no secret goes to NOT_SECRET in this file.",
    )
