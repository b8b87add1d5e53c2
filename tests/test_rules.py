"""Each of the twelve rules is broken on purpose, and the service's own check must say which."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from textwrap import indent

import pytest

from conftest import once
from template import UV, clean_environment, commit, run
from variants import Render, covering, runnable

pytestmark = pytest.mark.slow

VARIANT = next(v for v in covering(runnable()) if v.answers["framework"] == "fastapi")
ENGINE = VARIANT.answers["jobs"]
# The others (mypy, the migrations on a database) are slow, and enforce no rule.
CHECKS = ("ruff", "lint-imports", "pytest")

SERVICE = "src/app/projects/service.py"
QUERIES = "src/app/projects/queries.py"
MODELS = "src/app/projects/models.py"
ROUTES = "src/app/projects/routes.py"
FIRST_MIGRATION = "migrations/versions/0001_initial.py"
VERSION = '    version: Mapped[int] = mapped_column(server_default="1")\n'
WIDGET_SCOPES = '    WIDGETS_READ = "widgets:read"\n    WIDGETS_WRITE = "widgets:write"\n'
RELEASE = "    release: str | None = None\n"


@dataclass(frozen=True)
class Violation:
    """A change of one file: imports, something at its end, or one text instead of another."""

    rule: int
    what: str
    file: str
    imports: str = ""
    end: str = ""
    instead_of: str = ""
    put: str = ""
    says: str = ""
    place: str = ""

    def apply(self, project: Path) -> None:
        """Change the file, or make it."""
        path = project / self.file
        text = path.read_text() if path.exists() else ""
        assert self.instead_of in text, f"{self.file} has changed: mend this test"
        text = text.replace(self.instead_of, self.put, 1) if self.instead_of else text
        if self.imports:
            text = re.sub(r"^(?=import |from )", f"{self.imports}\n", text, count=1, flags=re.M)
        path.write_text(f"{text}\n\n{self.end}\n" if self.end else text)


def migration(upgrade: str, *, follows: str | None = "0001") -> str:
    return f'''\
"""Another one."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = {follows and f'"{follows}"'}


def upgrade() -> None:
    """Apply."""
    {upgrade}


def downgrade() -> None:
    """Undo."""
    op.add_column("projects", sa.Column("description", sa.String()))
'''


# What import-linter and ruff find, which is quick: one after the other.
IMPORTS = [
    Violation(
        1,
        "another module's models",
        SERVICE,
        imports="from app.organizations.models import Membership",
        end="USED = Membership",
    ),
    Violation(
        1,
        "another module's helper",
        "src/app/dashboard/queries.py",
        imports="from app.exports.files import read_chunks",
        end="USED = read_chunks",
    ),
    Violation(
        1,
        "queries that call the service",
        QUERIES,
        imports="from app.projects import service",
        end="USED = service",
    ),
    Violation(
        2,
        "core imports a module",
        "src/app/core/ids.py",
        imports="from app.projects.schemas import ProjectStatus",
        end="USED = ProjectStatus",
    ),
    Violation(
        2,
        "a module imports the composition root",
        SERVICE,
        imports="from app.registry import MODULES",
        end="USED = MODULES",
    ),
    Violation(
        3,
        "the web framework in a service",
        SERVICE,
        imports="from fastapi import HTTPException",
        end="USED = HTTPException",
    ),
    Violation(
        4,
        "a service opens a unit of work",
        SERVICE,
        imports="from app.core.database import unit_of_work",
        end="USED = unit_of_work",
    ),
    Violation(5, "os.environ", SERVICE, imports="import os", end='DEBUG = "D" in os.environ'),
    Violation(5, "os.getenv", SERVICE, imports="from os import getenv", end='DEBUG = getenv("D")'),
    Violation(
        5,
        "other settings",
        "src/app/core/ids.py",
        imports="from pydantic_settings import BaseSettings",
        end="USED = BaseSettings",
    ),
    Violation(
        7,
        "a service calls the engine",
        SERVICE,
        imports="from app.core import engine",
        end="USED = engine.send",
    ),
    Violation(
        7,
        "a service knows the engine",
        SERVICE,
        imports=f"import {ENGINE}",
        end=f"USED = {ENGINE}",
    ),
    Violation(
        7,
        "a service sends mail",
        SERVICE,
        imports="from app.core import mail",
        end="USED = mail.deliver",
    ),
    Violation(
        7,
        "a service calls another",
        SERVICE,
        imports="import httpx2",
        end="USED = httpx2.post",
    ),
    Violation(
        9,
        "a time without a zone in Python",
        SERVICE,
        imports="from datetime import datetime",
        end="STARTED = datetime.now()",
        says="DTZ005",
    ),
    Violation(9, "random ids", SERVICE, imports="from uuid import uuid4", end="ID = uuid4()"),
]

# What the service's own tests find. They take seconds, and tell all there is: so those of
# different rules are tried together, each with the place that the message must name.
SOURCES = [
    Violation(
        2,
        "a module with jobs that no worker knows",
        "src/app/registry.py",
        instead_of=', "exports"',
        place="src/app/exports/jobs.py",
    ),
    Violation(
        3,
        "a status in a service",
        SERVICE,
        end="def is_gone(answer: Any) -> bool:\n    return answer.status_code == 410",
        place="answer.status_code",
    ),
    Violation(
        4,
        "a service commits",
        SERVICE,
        end="async def save(session: AsyncSession) -> None:\n    await session.commit()",
        place="session.commit()",
    ),
    Violation(
        4,
        "a job rolls back",
        "src/app/organizations/jobs.py",
        end="async def undo(session: AsyncSession) -> None:\n    await session.rollback()",
        place="session.rollback()",
    ),
    Violation(
        6,
        "a query without the tenant",
        QUERIES,
        instead_of="Project.organization_id == organization_id, Project.id == project_id",
        put="Project.id == project_id",
        place="select(Project).where(Project.id == project_id)",
    ),
    Violation(
        6,
        "a list without the tenant",
        QUERIES,
        instead_of="select(Project).where(Project.organization_id == organization_id)",
        put="select(Project)",
        place=f"{QUERIES}:",
    ),
    Violation(
        6,
        "a look-up by the id alone",
        SERVICE,
        end="async def find(session: AsyncSession, project_id: UUID) -> Project | None:\n"
        "    return await session.get(Project, project_id)",
        place="session.get(Project, project_id)",
    ),
    Violation(
        6,
        "a table without policies",
        FIRST_MIGRATION,
        instead_of='"projects", "api_keys"',
        put='"api_keys"',
        place="projects: no migration says ALTER TABLE projects FORCE",
    ),
    Violation(
        6,
        "a table without a tenant",
        MODELS,
        end='class Task(Identified, Base):\n    __tablename__ = "tasks"\n\n'
        '    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))',
        place="tasks: has no organization_id",
    ),
    Violation(
        7,
        "a job that is not there",
        SERVICE,
        imports="from app.core.jobs import enqueue",
        end="async def later(session: AsyncSession) -> None:\n"
        '    await enqueue(session, "projects.nothing")',
        place="enqueue(session, 'projects.nothing')",
    ),
    Violation(
        8,
        "a relationship that loads lazily",
        MODELS,
        imports="from sqlalchemy.orm import relationship",
        instead_of=VERSION,
        put=f'{VERSION}    creator = relationship("User", viewonly=True)\n',
        place="Project.creator",
    ),
    Violation(
        8,
        "a column that loads lazily",
        "src/app/exports/models.py",
        instead_of="deferred=True, deferred_raiseload=True",
        put="deferred=True",
        place="Export.content",
    ),
    Violation(
        9,
        "a time without a zone in the database",
        MODELS,
        imports="from datetime import datetime\nfrom sqlalchemy import DateTime",
        instead_of=VERSION,
        put=f"{VERSION}    due_at: Mapped[datetime] = mapped_column(DateTime())\n",
        place="projects.due_at",
    ),
    Violation(
        9,
        "numbers as ids",
        MODELS,
        end='class Tag(Base):\n    __tablename__ = "tags"\n\n'
        "    id: Mapped[int] = mapped_column(primary_key=True)",
        place="tags.id",
    ),
    Violation(
        10,
        "a route for whoever",
        ROUTES,
        end='@router.get("/newest", operation_id="newest")\n'
        "async def newest(session: SessionDep) -> None:\n    pass",
        place="projects/newest: 0",
    ),
    Violation(
        10,
        "a route with two answers",
        ROUTES,
        end='@router.get("/newest", operation_id="newest")\n'
        "async def newest(reader: Reader, writer: Writer) -> None:\n    pass",
        place="projects/newest: 2",
    ),
    Violation(
        11,
        "a token as it is",
        MODELS,
        instead_of=VERSION,
        put=f"{VERSION}    share_token: Mapped[str]\n",
        place="projects.share_token",
    ),
    Violation(
        11,
        "a comparison that tells the time",
        SERVICE,
        end="def is_right(token: str, expected: str) -> bool:\n    return token == expected",
        place="token == expected",
    ),
    Violation(
        11,
        "a token in the log",
        "src/app/accounts/service.py",
        end='def trace(token: str) -> None:\n    logger.info("seen", extra={"token": token})',
        place="logger.info('seen'",
    ),
    Violation(
        11,
        "a setting that shows itself",
        "src/app/settings.py",
        instead_of=RELEASE,
        put=f"{RELEASE}    webhook_secret: str | None = None\n",
        place="Settings.webhook_secret",
    ),
    Violation(
        12,
        "an edited migration",
        FIRST_MIGRATION,
        instead_of="String(length=2000)",
        put="String(length=4000)",
        place=FIRST_MIGRATION,
    ),
    Violation(
        12,
        "a column dropped at once",
        "migrations/versions/0002_drop.py",
        end=migration('op.drop_column("projects", "description")'),
        place="ALTER TABLE projects DROP COLUMN description",
    ),
    Violation(
        12,
        "SQL that renames at once",
        "migrations/versions/0002_rename.py",
        end=migration('op.execute("ALTER TABLE projects RENAME COLUMN name TO title")'),
        place="0002_rename.py",
    ),
    Violation(
        12,
        "two heads",
        "migrations/versions/0002_head.py",
        end=migration('op.execute("SELECT 1")', follows=None),
        place="0002_head.py",
    ),
    Violation(
        12,
        "migrations that wait for ever",
        "migrations/env.py",
        instead_of="SET lock_timeout = '{LOCK_TIMEOUT}'",
        put="SELECT '{LOCK_TIMEOUT}'",
        place="migrations/env.py: no lock_timeout",
    ),
]


def batches() -> list[list[Violation]]:
    """Put the first violation of each rule together, then the second of each, and so on."""
    by_rule = [[v for v in SOURCES if v.rule == rule] for rule in range(1, 13)]
    rows = zip_longest(*by_rule)
    return [[violation for violation in row if violation] for row in rows]


@pytest.fixture(scope="module")
def installed(render: Render, shared: Path) -> Path:
    """Return a service with its environment; the checks have passed, and left their caches."""

    def make(project: Path) -> None:
        shutil.copytree(render(VARIANT), project)
        run(UV, "venv", "--quiet", "--relocatable", cwd=project)
        run(UV, "sync", "--quiet", "--no-install-project", cwd=project, timeout=300)
        (project / "uv.lock").unlink()
        assert (found := check(project, project)) is None, found

    return once(shared / "ruled", make)


def commands(project: Path) -> Iterator[list[str]]:
    """Read what `just check` runs."""
    recipe = (project / "justfile").read_text().partition("\ncheck:\n")[2].partition("\n\n")[0]
    found = [line.split() for line in recipe.splitlines()]
    assert {words[0] for words in found} >= set(CHECKS)
    yield from (words for words in found if words[0] in CHECKS)


def call(
    project: Path, installed: Path, program: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a program of the installed environment in a copy of the service."""
    tools = installed / ".venv" / "bin"
    variables = clean_environment()
    variables |= {
        "PATH": f"{tools}{os.pathsep}{variables['PATH']}",
        "PYTHONPATH": str(project / "src"),
    }
    return subprocess.run(
        [tools / program, *arguments],
        cwd=project,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def check(project: Path, installed: Path) -> str | None:
    """Run the checks as `just` does, and return what the first that fails has printed."""
    for words in commands(project):
        done = call(project, installed, *words)
        if done.returncode:
            # import-linter lists all contracts first, and then those that are broken.
            return done.stdout.partition("Broken contracts")[2] or done.stdout
    return None


def copy(installed: Path, target: Path, violations: Iterable[Violation] = ()) -> Path:
    """Copy the service without its environment, release it, and break rules in it."""
    shutil.copytree(installed, target, ignore=shutil.ignore_patterns(".venv"))
    commit(target, "Release")
    ruff = installed / ".venv" / "bin" / "ruff"
    for violation in violations:
        violation.apply(target)
        run(ruff, "check", "--quiet", "--select=I", "--fix", violation.file, cwd=target)
        run(ruff, "format", "--quiet", violation.file, cwd=target)
    return target


@pytest.mark.parametrize("violation", IMPORTS, ids=lambda v: f"{v.rule} {v.what}".replace(" ", "-"))
def test_import_is_refused(violation: Violation, installed: Path, tmp_path: Path) -> None:
    found = check(copy(installed, tmp_path / "svc", [violation]), installed)
    assert found is not None
    assert re.search(violation.says or rf"Rule {violation.rule}:", found), found
    others = set(re.findall(r"Rule \d+:", found)) - {f"Rule {violation.rule}:"}
    # What is wrong in two ways may be named twice.
    assert not others or violation.what in {"core imports a module"}, found


@pytest.mark.parametrize("batch", batches(), ids=lambda batch: f"{len(batch)}-rules")
def test_broken_rules_are_named(batch: list[Violation], installed: Path, tmp_path: Path) -> None:
    found = check(copy(installed, tmp_path / "svc", batch), installed)
    assert found is not None
    messages = re.split(r"^(?=Rule \d+: )", found, flags=re.MULTILINE)
    for violation in batch:
        assert any(
            message.startswith(f"Rule {violation.rule}: ") and violation.place in message
            for message in messages
        ), f"{violation.what}: not in\n{found}"


def test_every_rule_is_broken() -> None:
    assert {violation.rule for violation in IMPORTS + SOURCES} == set(range(1, 13))


def test_what_the_rules_allow(installed: Path, tmp_path: Path) -> None:
    """A migration of one's own may still change, and may contract if it says why."""
    project = copy(installed, tmp_path / "svc")
    own = project / "migrations/versions/0002_own.py"
    text = migration('op.drop_column("projects", "description")')
    own.write_text(text.replace("\n\n\ndef up", '\ncontract = "unused"\n\n\ndef up', 1))
    assert (found := check(project, installed)) is None, found


def test_the_document_is_read(installed: Path, tmp_path: Path) -> None:
    project = copy(installed, tmp_path / "svc")
    document = project / "ARCHITECTURE.md"
    document.write_text(document.read_text().replace("`contract engine`, ", ""))
    assert "contract engine" in (check(project, installed) or "")


def test_the_recipe_for_a_resource(installed: Path, tmp_path: Path) -> None:
    """What docs/adding-a-resource.md says, to the letter; the edits that it describes by hand."""
    project = copy(installed, tmp_path / "svc")
    recipe = (project / "docs" / "adding-a-resource.md").read_text()
    shell = re.findall(r"```bash\n(.*?)```", recipe, re.DOTALL)
    run("bash", "-ec", shell[0], cwd=project)
    for file, after, put in (
        ("core/roles.py", '    PROJECTS_WRITE = "projects:write"\n', WIDGET_SCOPES),
        ("models.py", '"projects", ', '"widgets", '),
        ("main.py", "import routes as projects\n", "from app.widgets import routes as widgets\n"),
        ("main.py", "organizations, projects, ", "widgets, "),
    ):
        Violation(0, file, f"src/app/{file}", instead_of=after, put=after + put).apply(project)

    def just(*arguments: str) -> str:
        done = call(project, installed, "just", *arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    assert 'just makemigration "Add widgets"' in shell[1]
    just("makemigration", "Add widgets")
    just("fix")
    assert "Rule 6:" in (check(project, installed) or "")

    (made,) = (project / "migrations" / "versions").glob("*add_widgets.py")
    (secure,) = re.findall(r"```python\n(.*?)```", recipe, re.DOTALL)
    secured = f"\n{indent(secure, '    ')}\n\ndef downgrade"
    made.write_text(made.read_text().replace("\n\n\ndef downgrade", secured))
    just("fix")
    assert (found := check(project, installed)) is None, found
    assert " passed" in just("test", "tests/widgets")
