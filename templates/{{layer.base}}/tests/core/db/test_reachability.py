import pytest

from app.core.db.reachability import describe_failure
from app.settings import settings
from tools.devservers import free_port


def test_reachable_database_has_no_failure() -> None:
    assert describe_failure("DATABASE_URL") is None
    assert describe_failure("MIGRATION_DATABASE_URL") is None


def test_failure_is_one_line_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"postgres://app_user:hidden-password@127.0.0.1:{free_port()}/app"
    monkeypatch.setitem(settings.__dict__, "database_url", url)
    failure = describe_failure("DATABASE_URL")
    assert failure is not None
    assert failure.startswith("DATABASE_URL is unreachable: ")
    assert "refused" in failure
    assert "hidden-password" not in failure
    assert "\n" not in failure
