"""Deliberate violations of the twelve rules, for FastAPI and Django."""

import re
from dataclasses import dataclass
from pathlib import Path

SERVICE = "src/app/projects/service.py"
QUERIES = "src/app/projects/queries.py"
MODELS = "src/app/projects/models.py"
RULES = "src/app/projects/rules.py"
ROUTES = "src/app/projects/routes.py"
RELEASE = "    release: str | None = None\n"
# Possible once the primary key is `id` alone.
FOREIGN_KEY = (
    "ALTER TABLE projects ADD CONSTRAINT projects_parent_fkey"
    " FOREIGN KEY (id) REFERENCES projects (id)"
)


@dataclass(frozen=True)
class Violation:
    """A change of one file that breaks a rule.

    `imports` is inserted, `end` appended, `instead_of` replaced by `put`. The message of the check
    must match `says` or contain `place`.
    """

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
        """Change or create the file."""
        path = project / self.file
        text = path.read_text() if path.exists() else ""
        assert self.instead_of in text, f"{self.file} lacks {self.instead_of!r}: adapt this file"
        text = text.replace(self.instead_of, self.put, 1) if self.instead_of else text
        if self.imports:
            text = re.sub(r"^(?=import |from )", f"{self.imports}\n", text, count=1, flags=re.M)
        path.write_text(f"{text}\n\n{self.end}\n" if self.end else text)


@dataclass(frozen=True)
class FrameworkCase:
    """The violations that differ between FastAPI and Django."""

    imports: tuple[Violation, ...]
    sources: tuple[Violation, ...]
    # Keys of tenants' tables without organization_id, which only the database shows.
    keys: tuple[Violation, ...]
    # A migration that may drop a column, since it declares `contract`.
    contracting: Violation
    # The migration that `just new-module invoices` writes.
    new_migration: str
    # Names of modules with which the service would not start.
    impossible_modules: tuple[str, ...] = ()


# ---------------------------------------------------------------------------
# In both
# ---------------------------------------------------------------------------


# Found by import-linter and ruff, which are fast: checked one at a time.
IMPORTS = (
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
        1,
        "rules that call queries",
        RULES,
        imports="from app.projects import queries",
        end="USED = queries",
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
        "db imports web",
        "src/app/core/db/pagination.py",
        imports="from app.core.web import problems",
        end="USED = problems",
    ),
    Violation(
        2,
        "security imports jobs",
        "src/app/core/security/passwords.py",
        imports="from app.core.jobs import registry",
        end="USED = registry",
    ),
    Violation(
        2,
        "a cycle inside core",
        "src/app/core/jobs/registry.py",
        imports="from app.core.jobs import outbox",
        end="USED = outbox",
    ),
    Violation(
        2,
        "a cycle between modules",
        "src/app/audit/service.py",
        imports="from app.projects import service as projects",
        end="USED = projects",
    ),
    Violation(
        4,
        "a service opens a unit of work",
        SERVICE,
        imports="from app.core.db.unit_of_work import unit_of_work",
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
        "a service publishes a message itself",
        SERVICE,
        imports="from app.core.jobs import broker",
        end="USED = broker.publish",
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
        "a service sends an HTTP request",
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
)

# Found by the tests of the service, which take seconds and report all violations: violations of
# different rules are checked together; the message must contain the place of each.
SOURCES = (
    Violation(
        2,
        "a module that is not listed",
        "src/app/modules.py",
        instead_of='    "dashboard",\n',
        place="src/app/dashboard/",
    ),
    Violation(
        3,
        "a status in a service",
        SERVICE,
        end="def is_gone(answer: object) -> bool:\n    return answer.status_code == 410",
        place="answer.status_code",
    ),
    Violation(
        11,
        "a comparison in variable time",
        SERVICE,
        end="def is_right(token: str, expected: str) -> bool:\n    return token == expected",
        place="token == expected",
    ),
    Violation(
        11,
        "a token in the log",
        SERVICE,
        imports="import logging",
        end="logger = logging.getLogger(__name__)\n\n\ndef trace(token: str) -> None:\n"
        '    logger.info("seen", extra={"token": token})',
        place="logger.info('seen'",
    ),
    Violation(
        11,
        "a secret setting as plain text",
        "src/app/settings.py",
        instead_of=RELEASE,
        put=f"{RELEASE}    webhook_secret: str | None = None\n",
        place="Settings.webhook_secret",
    ),
    Violation(
        12,
        "an edited policy",
        "src/app/core/db/policies.py",
        instead_of="app.user_id",
        put="app.person_id",
        place="src/app/core/db/policies.py: USER",
    ),
)


# ---------------------------------------------------------------------------
# FastAPI, with SQLAlchemy and Alembic
# ---------------------------------------------------------------------------

FIRST_REVISION = "migrations/versions/t2026_11_projects.py"
HEAD_REVISION = "t2026_11_exports"
VERSION_COLUMN = '    version: Mapped[int] = mapped_column(server_default="1")\n'


def revision(upgrade: str, *, follows: str | None = HEAD_REVISION, contract: str = "") -> str:
    """Return the source of an Alembic migration."""
    return f'''\
"""Another one."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = {follows and f'"{follows}"'}
{contract}


def upgrade() -> None:
    """Apply."""
    {upgrade}


def downgrade() -> None:
    """Undo."""
    op.add_column("projects", sa.Column("description", sa.String()))
'''


FASTAPI = FrameworkCase(
    imports=(
        Violation(
            2,
            "a module imports the composition root",
            SERVICE,
            imports="from app.modules import MODULES",
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
            1,
            "rules that use the ORM",
            RULES,
            imports="from sqlalchemy import select",
            end="USED = select",
        ),
        Violation(
            1,
            "rules that use the ORM through core",
            RULES,
            imports="from app.core.db import rows",
            end="USED = rows",
        ),
        Violation(
            1,
            "a file of another module's service package",
            SERVICE,
            imports="from app.accounts.service.sessions import end_sessions",
            end="USED = end_sessions",
        ),
        Violation(
            3,
            "the web framework in a file of a service package",
            "src/app/accounts/service/sessions.py",
            imports="from fastapi import HTTPException",
            end="USED = HTTPException",
        ),
    ),
    sources=(
        Violation(
            3,
            "a status in a file of a service package",
            "src/app/accounts/service/sessions.py",
            end="def is_lost(answer: object) -> bool:\n    return answer.status_code == 404",
            place="accounts/service/sessions.py",
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
            FIRST_REVISION,
            instead_of='policies.tenant("projects")',
            put='policies.policy("tenant", "projects", "USING (true)")',
            place="projects: no migration has ALTER TABLE projects FORCE",
        ),
        Violation(
            6,
            "a table without a tenant",
            MODELS,
            imports="from app.core.models import Identified",
            end='class Task(Identified, Base):\n    __tablename__ = "tasks"\n\n'
            '    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))',
            place="tasks: no organization_id",
        ),
        Violation(
            7,
            "an unknown job",
            SERVICE,
            imports="from app.core.jobs.outbox import enqueue",
            end="async def later(session: AsyncSession) -> None:\n"
            '    await enqueue(session, "projects.nothing")',
            place="enqueue(session, 'projects.nothing')",
        ),
        Violation(
            8,
            "a relationship that loads lazily",
            MODELS,
            imports="from sqlalchemy.orm import relationship",
            instead_of=VERSION_COLUMN,
            put=f'{VERSION_COLUMN}    creator = relationship("User", viewonly=True)\n',
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
            instead_of=VERSION_COLUMN,
            put=f"{VERSION_COLUMN}    due_at: Mapped[datetime] = mapped_column(DateTime())\n",
            place="projects.due_at",
        ),
        Violation(
            9,
            "integer ids",
            MODELS,
            end='class Tag(Base):\n    __tablename__ = "tags"\n\n'
            "    id: Mapped[int] = mapped_column(primary_key=True)",
            place="tags.id",
        ),
        Violation(
            10,
            "a route without authorisation",
            ROUTES,
            end='@router.get("/newest")\nasync def newest(session: SessionDep) -> None:\n    pass',
            place="projects/newest: 0",
        ),
        Violation(
            10,
            "a route with two authorisations",
            ROUTES,
            end='@router.get("/newest")\n'
            "async def newest(reader: Reader, writer: Writer) -> None:\n    pass",
            place="projects/newest: 2",
        ),
        Violation(
            11,
            "a token in plain text",
            MODELS,
            instead_of=VERSION_COLUMN,
            put=f"{VERSION_COLUMN}    share_token: Mapped[str]\n",
            place="projects.share_token",
        ),
        Violation(
            12,
            "an edited migration",
            FIRST_REVISION,
            instead_of="String(length=2000)",
            put="String(length=4000)",
            place=FIRST_REVISION,
        ),
        Violation(
            12,
            "a column dropped without `contract`",
            "migrations/versions/0002_drop.py",
            end=revision('op.drop_column("projects", "description")'),
            place="ALTER TABLE projects DROP COLUMN description",
        ),
        Violation(
            12,
            "SQL that renames without `contract`",
            "migrations/versions/0002_rename.py",
            end=revision('op.execute("ALTER TABLE projects RENAME COLUMN name TO title")'),
            place="0002_rename.py",
        ),
        Violation(
            12,
            "two heads",
            "migrations/versions/0002_head.py",
            end=revision('op.execute("SELECT 1")', follows=None),
            place="0002_head.py",
        ),
        Violation(
            12,
            "migrations without lock_timeout",
            "migrations/env.py",
            instead_of="SET lock_timeout = '{LOCK_TIMEOUT}'",
            put="SELECT '{LOCK_TIMEOUT}'",
            place="migrations/env.py: no lock_timeout",
        ),
    ),
    keys=(
        Violation(
            6,
            "a primary key without the organization",
            FIRST_REVISION,
            instead_of='PrimaryKeyConstraint("organization_id", "id"',
            put='PrimaryKeyConstraint("id"',
            place="projects: primary key projects_pkey",
        ),
        Violation(
            6,
            "a unique constraint without the organization",
            "migrations/versions/t2026_11_api_keys.py",
            instead_of='"organization_id", "key_hash", name',
            put='"key_hash", name',
            place="api_keys: unique index api_keys_organization_id_key_hash_key",
        ),
        Violation(
            6,
            "a foreign key without the organization",
            "migrations/versions/0002_parent.py",
            end=revision(f'op.execute("{FOREIGN_KEY}")'),
            place="projects: foreign key projects_parent_fkey",
        ),
    ),
    contracting=Violation(
        12,
        "a column dropped with `contract`",
        "migrations/versions/0002_own.py",
        end=revision('op.drop_column("projects", "description")', contract='contract = "unused"'),
    ),
    new_migration="migrations/versions/*_add_invoices.py",
)


# ---------------------------------------------------------------------------
# Django
# ---------------------------------------------------------------------------

FIRST_MIGRATION = "src/app/projects/migrations/0001_initial.py"
VERSION_FIELD = "    version = models.IntegerField(default=1, db_default=1, editable=False)\n"


def migration(*operations: str, contract: str = "", follows: bool = True) -> str:
    """Return the source of a Django migration."""
    return f'''\
"""Another one."""

from django.db import migrations
{contract}


class Migration(migrations.Migration):
    dependencies = {[("projects", "0001_initial")] if follows else []}

    operations = [{", ".join(operations)}]
'''


def model(name: str, *lines: str, base: str = "Identified") -> str:
    """Return the source of a Django model."""
    body = "\n".join(f"    {line}" for line in lines)
    return f'''\
class {name}({base}):
    """{name}."""

{body}

    class Meta:
        db_table = "{name.lower()}s"

    def __str__(self) -> str:
        return "{name}"
'''


DROP = 'migrations.RemoveField("project", "description")'

DJANGO = FrameworkCase(
    imports=(
        Violation(
            2,
            "a module imports the composition root",
            SERVICE,
            imports="from app.config.settings import DEBUG",
            end="USED = DEBUG",
        ),
        Violation(
            3,
            "the web framework in a service",
            SERVICE,
            imports="from ninja.errors import HttpError",
            end="USED = HttpError",
        ),
        Violation(
            1,
            "rules that use the ORM",
            RULES,
            imports="from django.db.models import Q",
            end="USED = Q",
        ),
        Violation(
            1,
            "mails that use Django's mail",
            "src/app/organizations/mails.py",
            imports="from django.core.mail import EmailMessage",
            end="USED = EmailMessage",
        ),
    ),
    sources=(
        Violation(
            3,
            "Django's HTTP in a service",
            QUERIES,
            imports="from django.shortcuts import get_object_or_404",
            end="USED = get_object_or_404",
            place="from django.shortcuts import get_object_or_404",
        ),
        Violation(
            4,
            "a service commits",
            SERVICE,
            end="def save() -> None:\n    transaction.commit()",
            place="transaction.commit()",
        ),
        Violation(
            4,
            "a job begins a transaction of its own",
            "src/app/organizations/jobs.py",
            imports="from django.db import transaction",
            end="def begin() -> None:\n    with transaction.atomic(durable=True):\n        pass",
            place="transaction.atomic(durable=True)",
        ),
        Violation(
            6,
            "a query around the tenant's manager",
            QUERIES,
            end="def find(project_id: UUID) -> Project | None:\n"
            "    return Project.objects.filter(id=project_id).first()",
            place="Project.objects",
        ),
        Violation(
            6,
            "a manager without the tenant's scope",
            MODELS,
            instead_of=VERSION_FIELD,
            put=f'{VERSION_FIELD}    everywhere = models.Manager["Project"]()\n',
            place="projects.Project.everywhere",
        ),
        Violation(
            6,
            "raw SQL",
            QUERIES,
            end="def everything() -> object:\n"
            '    return Project.tenant.raw("SELECT * FROM projects")',
            place="Project.tenant.raw('SELECT * FROM projects')",
        ),
        Violation(
            6,
            "a table without policies",
            FIRST_MIGRATION,
            instead_of='*policies.tenant("projects")',
            put='*policies.tenant("projects")[1:]',
            place="projects: no migration says ALTER TABLE projects FORCE",
        ),
        Violation(
            6,
            "a table without a tenant",
            MODELS,
            end=model("Task", "project = models.ForeignKey(Project, models.CASCADE)"),
            place="tasks: no organization_id",
        ),
        Violation(
            7,
            "an unknown job",
            SERVICE,
            imports="from app.core.jobs.outbox import enqueue",
            end='def later() -> None:\n    enqueue("projects.nothing")',
            place="enqueue('projects.nothing')",
        ),
        Violation(
            7,
            "a service sends mail with Django",
            SERVICE,
            imports="from django.core.mail import mailers",
            end="USED = mailers",
            place="from django.core.mail import mailers",
        ),
        Violation(
            8,
            "a model that loads lazily",
            MODELS,
            end=model("Note", "text = models.TextField()"),
            place="projects.Note.objects",
        ),
        Violation(
            9,
            "times without a zone in the database",
            "src/app/config/settings.py",
            instead_of="USE_TZ = True",
            put="USE_TZ = False",
            place="src/app/config/settings.py: USE_TZ",
        ),
        Violation(
            9,
            "integer ids",
            MODELS,
            end=model("Tag", "text = models.TextField()", base="models.Model"),
            place="tags.id",
        ),
        Violation(
            10,
            "a route without authorisation",
            ROUTES,
            imports="from django.http import HttpRequest",
            end='@router.get("/newest", response={204: None})\n'
            "def newest(request: HttpRequest) -> None:\n    pass",
            place="/newest: 0",
        ),
        Violation(
            10,
            "a route with two authorisations",
            ROUTES,
            imports="from django.http import HttpRequest",
            end='@router.get("/newest", auth=[reader, writer], response={204: None})\n'
            "def newest(request: HttpRequest) -> None:\n    pass",
            place="/newest: 2",
        ),
        Violation(
            11,
            "a token in plain text",
            MODELS,
            instead_of=VERSION_FIELD,
            put=f"{VERSION_FIELD}    share_token = models.CharField(max_length=100)\n",
            place="projects.share_token",
        ),
        Violation(
            12,
            "an edited migration",
            FIRST_MIGRATION,
            instead_of="max_length=2000",
            put="max_length=4000",
            place=FIRST_MIGRATION,
        ),
        Violation(
            12,
            "a column dropped without `contract`",
            "src/app/projects/migrations/0002_drop.py",
            end=migration(DROP),
            place="Remove field description from project",
        ),
        Violation(
            12,
            "SQL that renames without `contract`",
            "src/app/projects/migrations/0002_rename.py",
            end=migration('migrations.RunSQL("ALTER TABLE projects RENAME COLUMN name TO title")'),
            place="0002_rename.py",
        ),
        Violation(
            12,
            "a migration in Python",
            "src/app/projects/migrations/0002_python.py",
            end=migration("migrations.RunPython(migrations.RunPython.noop)"),
            place="0002_python.py",
        ),
        Violation(
            12,
            "two heads",
            "src/app/projects/migrations/0002_head.py",
            end=migration('migrations.RunSQL("SELECT 1")', follows=False),
            place="0002_head",
        ),
        Violation(
            12,
            "migrations without lock_timeout",
            "src/app/core/management/commands/migrate.py",
            instead_of="SET lock_timeout = '{LOCK_TIMEOUT}'",
            put="SELECT '{LOCK_TIMEOUT}'",
            place="migrate.py: no lock_timeout",
        ),
    ),
    keys=(
        Violation(
            6,
            "a primary key without the organization",
            FIRST_MIGRATION,
            instead_of='*policies.tenant("projects")',
            put='*policies.scope("projects", "organization_id")',
            place="projects: primary key projects_pkey",
        ),
        Violation(
            6,
            "a unique constraint without the organization",
            "src/app/api_keys/migrations/0001_initial.py",
            instead_of='fields=("organization", "key_hash")',
            put='fields=("key_hash",)',
            place="api_keys: unique index api_keys_organization_id_key_hash_key",
        ),
        Violation(
            6,
            "a foreign key without the organization",
            "src/app/projects/migrations/0002_parent.py",
            end=migration(f'migrations.RunSQL("{FOREIGN_KEY}")'),
            place="projects: foreign key projects_parent_fkey",
        ),
    ),
    contracting=Violation(
        12,
        "a column dropped with `contract`",
        "src/app/projects/migrations/0002_own.py",
        end=migration(DROP, contract='\ncontract = "unused"'),
    ),
    new_migration="src/app/invoices/migrations/0001_initial.py",
    impossible_modules=("messages",),  # the label of an app of Django
)

FRAMEWORK_CASES = {"fastapi": FASTAPI, "django": DJANGO}
