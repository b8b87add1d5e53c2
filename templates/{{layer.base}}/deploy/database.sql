-- Creates the database and its two roles. Run it as a superuser; repeated runs are safe:
--
--   OWNER_PASSWORD=... APP_PASSWORD=... psql --no-psqlrc -v ON_ERROR_STOP=1 -f deploy/database.sql
--
-- Optional: DATABASE_NAME, OWNER_ROLE, APP_ROLE. The owner runs the migrations
-- (MIGRATION_DATABASE_URL). The service connects as the other role (DATABASE_URL), which owns
-- nothing: PostgreSQL exempts owners and superusers from row-level security.

\set database app
\set owner app_owner
\set app app_user
\getenv database DATABASE_NAME
\getenv owner OWNER_ROLE
\getenv app APP_ROLE
\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD

SELECT format('CREATE ROLE %I LOGIN', name)
FROM (VALUES (:'owner'), (:'app')) AS role (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE :"owner" NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
ALTER ROLE :"app" NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'app_password';

-- Limits for requests. Jobs and migrations set their own time-outs.
ALTER ROLE :"app" SET statement_timeout = '15s';
ALTER ROLE :"app" SET lock_timeout = '3s';
ALTER ROLE :"app" SET idle_in_transaction_session_timeout = '30s';

-- The built-in locale sorts text independently of the operating system (PostgreSQL 17 or later).
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0', :'database', :'owner')
    || ' LOCALE_PROVIDER builtin BUILTIN_LOCALE ''C.UTF-8'' ENCODING ''UTF8'''
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"app";

\connect :"database"
GRANT USAGE ON SCHEMA public TO :"app";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"app";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO :"app";
