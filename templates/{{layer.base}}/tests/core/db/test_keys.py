"""Rule 6 in the catalog of PostgreSQL, after all migrations: the keys of tenants' tables."""

import psycopg
import pytest

from app.settings import settings
from tests.architecture.source import assert_no_violations

# Primary keys, unique indexes, and foreign keys to tenants' tables, without organization_id.
KEYS = """
WITH tenant AS (
    SELECT attrelid AS id, attrelid::regclass::text AS name, attnum AS organization
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND attname = 'organization_id' AND NOT attisdropped
)
SELECT name || ': no primary key' FROM tenant
WHERE NOT EXISTS (SELECT FROM pg_index WHERE indrelid = tenant.id AND indisprimary)
UNION ALL
SELECT name || ': ' || CASE WHEN indisprimary THEN 'primary key ' ELSE 'unique index ' END
    || indexrelid::regclass
FROM tenant JOIN pg_index ON indrelid = tenant.id
WHERE indisunique AND organization <> ALL ((indkey::int2[])[0 : indnkeyatts - 1])
UNION ALL
SELECT conrelid::regclass || ': foreign key ' || conname
FROM tenant JOIN pg_constraint ON confrelid = tenant.id AND contype = 'f'
WHERE NOT EXISTS (
    SELECT FROM unnest(conkey, confkey) AS pair (source, target)
    JOIN pg_attribute ON attrelid = conrelid AND attnum = pair.source
    WHERE attname = 'organization_id' AND pair.target = organization
)
ORDER BY 1
"""


@pytest.mark.usefixtures("migrated")
def test_keys_of_tenant_tables_have_the_organization() -> None:
    with psycopg.connect(settings.migration_database_url) as connection:
        found = [place for (place,) in connection.execute(KEYS)]
    assert_no_violations(
        found,
        rule=6,
        message="every key of a tenant-owned table has organization_id.",
        fix="add the column to the primary key, the unique constraint, or both sides of the foreign"
        " key: see docs/adding-a-resource.md.",
    )
