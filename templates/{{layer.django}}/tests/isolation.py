"""Pytest plugin: a migrated database, and the isolation of tests in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Set up Django, with the environment of `tests.servers`."""
    if not hasattr(config, "workerinput") and config.getoption("numprocesses", None):
        return  # the workers run the tests, each with settings of its own
    # Not earlier: pytest-django would load the settings before the environment is set, in xdist's
    # workers too, which inherit this variable.
    os.environ["DJANGO_SETTINGS_MODULE"] = "app.config.settings"
    import django

    django.setup()


@pytest.fixture(scope="session")
def migrated(
    tmp_path_factory: pytest.TempPathFactory, django_test_environment: None, django_db_blocker: Any
) -> Iterator[None]:
    """Migrate this worker's database, once."""
    from django.core.management import call_command
    from django.db import connection, connections

    from app.core import redis
    from app.settings import settings

    settings.__dict__["mail_dir"] = tmp_path_factory.mktemp("mail")
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
        connections["owner"].close()
    yield
    redis.client.close()
    with django_db_blocker.unblock():
        connections.close_all()
        connection.close_pool()  # type: ignore[attr-defined]  # only the PostgreSQL backend has it


@pytest.fixture(scope="session", autouse=True)
def file_mailer(django_test_environment: None) -> None:
    """Write mails to files again: pytest-django keeps them in memory."""
    from django.conf import settings

    settings.MAILERS = {"default": {"BACKEND": "app.core.mail_backends.FileBackend"}}


@pytest.fixture(scope="session")
def django_db_setup(migrated: None) -> None:
    """Replace pytest-django's own, which would make another database."""


@pytest.fixture
def database(
    request: pytest.FixtureRequest, migrated: None, django_db_blocker: Any
) -> Iterator[None]:
    """Isolate a test: roll back what it did, or empty the tables if it commits."""
    from django.core.cache import cache

    from app.core import redis

    redis.client.flushdb()
    cache.clear()
    if request.node.get_closest_marker("committed"):
        # Not `transactional_db`: the service's role may not empty tables.
        with django_db_blocker.unblock():
            yield
            _empty_tables()
    else:
        request.getfixturevalue("db")
        with _no_tenant_at_begin():
            yield


@contextmanager
def _no_tenant_at_begin() -> Iterator[None]:
    # A released savepoint keeps its tenant in the outer transaction; production has none.
    from django.db import connection

    from app.core.db.unit_of_work import UnitOfWork

    begin = UnitOfWork.begin

    def clear_and_begin(work: UnitOfWork) -> None:
        # Not through Django: tests that count statements must not count it.
        connection.connection.execute(
            "SELECT set_config('app.organization_id', '', true),"
            " set_config('app.user_id', '', true), set_config('app.staff', '', true)"
        )
        begin(work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UnitOfWork, "begin", clear_and_begin)
        yield


def _empty_tables() -> None:
    from django.apps import apps
    from django.db import connections

    tables = ", ".join(
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label not in {"auth", "contenttypes"}
    )
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables} CASCADE")
    connections["owner"].close()
