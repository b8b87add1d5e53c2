"""Options and fixtures of the conformance suite.

Without `--service-dir` or `--base-url` no test is collected, since no service is running.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from .drivers import DRIVERS, Driver
from .factories import Account, Factory, Organization, Team
from .features import FEATURES
from .mailbox import Mailbox
from .service import BASE_URL, SHARED, ManagedService, new_client, running_service

_stack = ExitStack()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption(
        "--service-dir", type=Path, help="directory of a rendered service to start and test"
    )
    group.addoption("--base-url", help="URL of a running service to test")
    group.addoption("--mail-dir", type=Path, help="the MAIL_DIR of the running service")
    group.addoption("--logs", type=Path, help="keep logs and mails of --service-dir here")
    group.addoption(
        "--driver", choices=sorted(DRIVERS), default="contract", help="family of account paths"
    )
    group.addoption(
        "--without",
        action="append",
        default=[],
        choices=FEATURES,
        help="an optional module that the service lacks (can be repeated)",
    )


def _option(config: pytest.Config, name: str) -> str | Path | None:
    # The options are undefined when pytest loads this file while collecting another argument.
    value: str | Path | None = config.getoption(name, None)
    return value


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    # With --collect-only no service runs, so BASE_URL is unset as well.
    return None if os.environ.get(BASE_URL) else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    lacking = set(config.getoption("--without", []))

    def can_run(item: pytest.Item) -> bool:
        needed = {mark.args[0] for mark in item.iter_markers("feature")}
        has_processes = SHARED in os.environ
        return not needed & lacking and (
            has_processes or "managed_service" not in getattr(item, "fixturenames", ())
        )

    config.hook.pytest_deselected(items=[item for item in items if not can_run(item)])
    items[:] = [item for item in items if can_run(item)]


def pytest_sessionstart(session: pytest.Session) -> None:
    # pytest-xdist starts its workers afterwards; they read the service from the environment.
    config = session.config
    if hasattr(config, "workerinput") or config.getoption("collectonly"):
        return
    if url := _option(config, "--base-url"):
        os.environ[BASE_URL] = str(url).rstrip("/")
    elif directory := _option(config, "--service-dir"):
        driver = str(_option(config, "--driver"))
        logs = Path(option) if (option := _option(config, "--logs")) else None
        service = _stack.enter_context(running_service(Path(directory), driver, logs))
        os.environ[BASE_URL] = service.base_url
        os.environ[SHARED] = service.dump()


def pytest_sessionfinish() -> None:
    _stack.close()


@dataclass(frozen=True)
class Target:
    base_url: str
    mail_directory: Path
    driver_name: str


@pytest.fixture(scope="session")
def managed_service() -> ManagedService:
    return ManagedService.load(os.environ[SHARED])


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    config = request.config
    if SHARED in os.environ:
        mail_directory = ManagedService.load(os.environ[SHARED]).mail_directory
    else:
        option = _option(config, "--mail-dir")
        assert option, "--base-url requires --mail-dir"
        mail_directory = Path(option)
    return Target(os.environ[BASE_URL], mail_directory, str(_option(config, "--driver")))


@pytest.fixture(scope="session")
def features(request: pytest.FixtureRequest) -> set[str]:
    """Return the optional modules that the service has."""
    return set(FEATURES) - set(request.config.getoption("--without"))


@pytest.fixture(scope="session")
def http(target: Target) -> Iterator[httpx2.Client]:
    """Return an unauthenticated client."""
    with new_client(target.base_url) as client:
        yield client


@pytest.fixture(scope="session")
def driver(target: Target, http: httpx2.Client) -> Driver:
    return DRIVERS[target.driver_name](http)


@pytest.fixture(scope="session")
def mailbox(target: Target) -> Mailbox:
    return Mailbox(target.mail_directory)


@pytest.fixture(scope="session")
def factory(driver: Driver, mailbox: Mailbox) -> Iterator[Factory]:
    with closing(Factory(driver, mailbox)) as made:
        yield made


@pytest.fixture(scope="session")
def team(factory: Factory) -> Team:
    """Return a shared organization with every role; tests must not change its members."""
    return factory.team()


@pytest.fixture(scope="session")
def owner(factory: Factory) -> Account:
    """Return the user who owns `organization`."""
    return factory.register("owner")


@pytest.fixture
def organization(factory: Factory, owner: Account) -> Organization:
    return factory.organization(owner)


@pytest.fixture(scope="module")
def module_organization(factory: Factory, owner: Account) -> Organization:
    return factory.organization(owner)
