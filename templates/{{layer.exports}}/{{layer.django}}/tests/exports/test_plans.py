import pytest

from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work
from app.exports import queries
from app.exports.models import Export
from tests.plans import explain, fill, scanned

# 20 organizations with 500 exports each.
FILL = """
SELECT set_config('app.staff', 'on', true);
INSERT INTO organizations (id, name) SELECT gen_random_uuid(), n FROM generate_series(1, 20) n;
INSERT INTO exports (id, organization_id, format, job_id, expires_at)
    SELECT gen_random_uuid(), o.id, 'csv', gen_random_uuid(), now() + interval '1 day'
    FROM organizations o, generate_series(1, 500) n;
"""


@pytest.mark.committed
def test_export_is_found_by_an_index(database: None) -> None:
    fill(FILL, ("organizations", "exports"))
    with unit_of_work():
        tenancy.enter_staff()
        organization_id, export_id = Export.objects.values_list("organization_id", "id")[0]
    with unit_of_work():
        tenancy.enter_organization(organization_id)
        for nodes in explain(
            lambda: queries.get_export(organization_id=organization_id, export_id=export_id)
        ):
            assert "exports" not in scanned(nodes)
