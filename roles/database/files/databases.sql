-- Each SELECT writes the statements that are still missing and \gexec runs them, because CREATE DATABASE has no IF NOT EXISTS.
-- Prints `created` once for each of them.

SELECT format('CREATE ROLE %I LOGIN', owner), 'SELECT ''created'''
FROM (VALUES (:'core_user'), (:'web_user')) AS wanted (owner)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = owner)
\gexec

SELECT
    format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C.UTF-8''', name, owner),
    -- Each owner's database is its own: by default everybody may connect.
    format('REVOKE ALL ON DATABASE %I FROM PUBLIC', name),
    'SELECT ''created'''
FROM (VALUES (:'core_name', :'core_user'), (:'web_name', :'web_user')) AS wanted (name, owner)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name)
\gexec

-- From another host, the backup makes databases beside these, to prove that it can be restored.
SELECT format(statement, rolname), 'SELECT ''created'''
FROM (VALUES (true, 'ALTER ROLE %I CREATEDB'), (false, 'ALTER ROLE %I NOCREATEDB')) AS wanted (may, statement), pg_roles
WHERE rolname IN (:'core_user', :'web_user') AND may = (:'core_is_web')::boolean AND may <> rolcreatedb
\gexec

-- It reaches both databases with the login of the first one's owner.
SELECT format(statement, :'web_user', :'core_user'), 'SELECT ''created'''
FROM (VALUES (true, 'GRANT %I TO %I'), (false, 'REVOKE %I FROM %I')) AS wanted (is_member, statement)
WHERE is_member = (:'core_is_web')::boolean AND is_member <> EXISTS (
    SELECT FROM pg_auth_members
    WHERE roleid = to_regrole(quote_ident(:'web_user')) AND member = to_regrole(quote_ident(:'core_user'))
)
\gexec
