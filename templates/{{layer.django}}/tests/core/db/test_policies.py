"""The keys of tenants' tables in the database, which the models do not show."""

from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connections, transaction
from django.db.migrations.state import ProjectState
from django.db.models import Count

from app.core.db import policies, tenancy
from app.core.db.unit_of_work import unit_of_work
from app.projects.models import Project
from tests.factories import Factory

COMMENTS = "CREATE TABLE comments (id uuid PRIMARY KEY, organization_id uuid, project_id uuid)"

pytestmark = pytest.mark.usefixtures("database")


def _project(factory: Factory) -> tuple[UUID, UUID]:
    """Create a project; return the organization's id and its own."""
    owner = factory.user()
    organization = factory.organization(owner)
    path = f"/organizations/{organization}/projects"
    return organization, UUID(owner.request("POST", path, json={"name": "Apollo"}).json()["id"])


def test_rows_can_be_grouped_by_a_tenant_model(factory: Factory) -> None:
    organization, project = _project(factory)
    with unit_of_work():
        tenancy.enter_organization(organization)
        (found,) = Project.tenant.annotate(authors=Count("created_by"))
        assert (found.id, found.authors) == (project, 1)


@pytest.mark.committed
def test_foreign_key_refuses_a_row_of_another_organization(factory: Factory) -> None:
    organization, project = _project(factory)
    _, other = _project(factory)
    owner = connections["owner"]
    operations = [
        *policies.tenant("comments"),
        policies.foreign_key("comments", "project_id", "projects"),
    ]
    with transaction.atomic(using="owner"), owner.cursor() as cursor:
        cursor.execute(COMMENTS)
        with owner.schema_editor(atomic=False) as editor:
            for operation in operations:
                operation.database_forwards("projects", editor, ProjectState(), ProjectState())
        cursor.execute("SELECT set_config('app.organization_id', %s, true)", [str(organization)])
        insert = "INSERT INTO comments (id, organization_id, project_id) VALUES (%s, %s, %s)"
        cursor.execute(insert, [uuid4(), organization, project])
        with (
            pytest.raises(IntegrityError, match="comments_organization_id_project_id_fkey"),
            transaction.atomic(using="owner"),
        ):
            cursor.execute(insert, [uuid4(), organization, other])
        cursor.execute("DELETE FROM projects")
        cursor.execute("SELECT count(*) FROM comments")
        assert cursor.fetchone() == (0,)
        with owner.schema_editor(atomic=False) as editor:
            for operation in reversed(operations):
                operation.database_backwards("projects", editor, ProjectState(), ProjectState())
        transaction.set_rollback(True, using="owner")
    owner.close()
