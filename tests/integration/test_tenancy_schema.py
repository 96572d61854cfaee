"""Every table of every service, as the migrations leave it, keeps organizations apart by itself.

What is no tenant table, what the system's own work may reach, and every other exception stands in a list here with its
reason: a new one has to be argued. ADR 0014 tells more of each.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from chassis import migrations, prepare
from chassis.config import sqlalchemy_url
from chassis.testing.servers import TestDatabase

from .layers import confined_tables
from .system import SERVICES, RunningSystem
from .test_tenancy import new_victim

# Tables that belong to no organization, and why that shows nobody anything.
OF_NO_ORGANIZATION = {
    "alembic_version": "how far the schema is; the application may not even read it",
    "inbox": "ids of events that were applied, for nobody to ask for",
    "throttles": "keyed hashes of logins and addresses; row level security shows it to the system scope alone",
}

# Keys that hold across organizations. Each is drawn by us, or derived with a secret, or public: nobody can learn by a
# refused value what another organization has.
ACROSS_ORGANIZATIONS = {
    "access_tokens_pkey": "digests of random tokens",
    "refresh_tokens_pkey": "digests of random tokens",
    "organizations_slug_key": "the public name in a sign-in; a taken one is varied, not refused",
    "outbox_pkey": "a sequence of ours",
    "operations_pkey": "the gateway derives the id from the caller and their key",
    "import_rows_pkey": "a sequence of ours",
    "import_keys_pkey": "starts with the import's number, a sequence of ours",
    "import_pairs_pkey": "a sequence of ours",
    "import_pairs_key": "starts with the import's number, a sequence of ours",
    "conversation_readings_pkey": "a sequence of ours",
}

# What work that belongs to no organization reaches; everything else is out of its reach, too.
PLUMBING = {
    "outbox": "the relay sends every organization's events",
    "operations": "pruning; a sign-in's operation has no organization yet",
}
IN_SYSTEM_SCOPE = {
    "identity": {
        **PLUMBING,
        "organizations": "signing up; naming the organizations that a person may choose between",
        "users": "signing in looks for a login before the organization is known",
        "name_words": "written by the trigger on users when somebody signs up",
        "logins": "signing in; a token says whose login it is, not where",
        "access_tokens": "a token says who its bearer is",
        "refresh_tokens": "a token says who its bearer is",
        "links": "a link says whose it is, to somebody who is not signed in",
        "mails": "one worker sends every organization's mails",
    },
}

# Functions that run with the owner's rights, who sees every row. Each but the last, which is a trigger, is there to use
# an index that row level security keeps from the application, and confines itself to the organization of the same
# setting that the policies read.
WITH_THE_OWNERS_RIGHTS = {
    "identity": {"people_like", "words_near", "audit_numbers_of", "begin_audit"},
}

TENANT = "(organization_id = (NULLIF(current_setting('app.organization_id'::text, true), ''::text))::uuid)"
SYSTEM = "(current_setting('app.system'::text, true) = 'on'::text)"


@dataclass(frozen=True)
class Migrated:
    """A service's database after migration, seen by the superuser."""

    service: str
    database: TestDatabase

    @property
    def application(self) -> str:
        """The role that the service runs as."""
        return f"{self.database.name}_app"

    @property
    def owner(self) -> str:
        """The role that migrates."""
        return f"{self.database.name}_owner"

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        """The rows of a query."""
        return self.database.query(statement, parameters)

    def names(self, statement: str, **parameters: Any) -> set[str]:
        """The first column."""
        return {row[0] for row in self.rows(statement, **parameters)}

    def tenant_tables(self) -> set[str]:
        """The tables with `organization_id`."""
        return self.names(
            "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid "
            "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            "AND attname = 'organization_id'"
        )


@pytest.fixture(scope="module", params=SERVICES)
def migrated(request: pytest.FixtureRequest) -> Iterator[Migrated]:
    """Each service's database, made the way that `bin/migrate` makes it."""
    service: str = request.param
    database = TestDatabase.allot(service)
    owner, application = (
        make_url(sqlalchemy_url(url)) for url in (database.owner, database.application)
    )
    try:
        prepare.bootstrap(database.admin, owner, application)
        migrations.upgrade(f"{service}_service", owner.render_as_string(hide_password=False))
        yield Migrated(service, database)
    finally:
        database.drop()


def test_every_table_belongs_to_organizations_or_is_on_the_short_list(migrated: Migrated) -> None:
    tables = migrated.names(
        "SELECT relname FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    )
    assert tables - migrated.tenant_tables() <= set(OF_NO_ORGANIZATION)


def test_nothing_but_tables_shows_rows(migrated: Migrated) -> None:
    """A view would read with its owner's rights; a foreign or inherited table by other policies."""
    assert not migrated.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind NOT IN ('r', 'i', 'S') AND NOT EXISTS (SELECT FROM pg_depend "
        "WHERE pg_depend.objid = pg_class.oid AND deptype = 'e')"
    )
    assert not migrated.rows("SELECT inhrelid::regclass FROM pg_inherits")


def test_every_tenant_table_has_forced_row_level_security(migrated: Migrated) -> None:
    found = migrated.names(
        "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
    )
    assert found - set(OF_NO_ORGANIZATION) == migrated.tenant_tables()


def test_every_tenant_table_has_two_policies_for_all_commands(migrated: Migrated) -> None:
    """One binds everybody to the tenant setting, to see and to write; one lets the owner migrate."""
    policies = {
        (table, name): rest
        for table, name, *rest in migrated.rows(
            "SELECT relname, polname, polcmd::text, polpermissive, polroles::regrole[]::text[], "
            "pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid) "
            "FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid"
        )
        if table not in OF_NO_ORGANIZATION
    }
    reach = IN_SYSTEM_SCOPE.get(migrated.service, PLUMBING)
    expected: dict[tuple[str, str], list[Any]] = {}
    for table in migrated.tenant_tables():
        condition = f"({TENANT} OR {SYSTEM})" if table in reach else TENANT
        expected[table, f"{table}_tenant"] = ["*", True, ["-"], condition, condition]
        expected[table, f"{table}_owner"] = ["*", True, [migrated.owner], "true", "true"]
    assert policies == expected


def test_what_belongs_to_no_organization_is_seen_in_the_system_scope_alone_or_tells_nothing(
    migrated: Migrated,
) -> None:
    conditions = migrated.names(
        "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy "
        "WHERE polrelid::regclass::text = ANY(%(tables)s) AND polroles = '{0}'",
        tables=list(OF_NO_ORGANIZATION),
    )
    assert conditions <= {SYSTEM}


def test_the_reach_of_the_system_scope_is_no_longer_than_its_list(migrated: Migrated) -> None:
    assert set(IN_SYSTEM_SCOPE.get(migrated.service, PLUMBING)) <= migrated.tenant_tables()


def test_every_foreign_key_between_tenant_tables_goes_by_the_organization(
    migrated: Migrated,
) -> None:
    """PostgreSQL checks foreign keys without the policies: by the id alone one could refer to another's row."""
    found = migrated.rows(
        "SELECT conrelid::regclass::text, confrelid::regclass::text, conname, "
        "(SELECT array_agg((own.attname, theirs.attname)::text) FROM unnest(conkey, confkey) AS k(a, b) "
        "  JOIN pg_attribute own ON own.attrelid = conrelid AND own.attnum = a "
        "  JOIN pg_attribute theirs ON theirs.attrelid = confrelid AND theirs.attnum = b) "
        "FROM pg_constraint WHERE contype = 'f'"
    )
    tenants = migrated.tenant_tables()
    for table, target, name, columns in found:
        assert {table, target} <= tenants, name
        assert "(organization_id,organization_id)" in columns, name


def test_every_key_of_a_tenant_table_has_the_organization_in_it(migrated: Migrated) -> None:
    """Otherwise a refused value would tell that another organization has it."""
    keys = migrated.names(
        "SELECT i.relname FROM pg_index JOIN pg_class i ON i.oid = indexrelid "
        "WHERE (indisunique OR indisexclusion) AND indrelid::regclass::text = ANY(%(tables)s) "
        "AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = indrelid "
        "AND attname = 'organization_id' AND attnum = ANY(indkey))",
        tables=sorted(migrated.tenant_tables()),
    )
    assert keys <= set(ACROSS_ORGANIZATIONS)


def test_the_organization_of_a_row_is_always_known(migrated: Migrated) -> None:
    """Except of operations that have none: signing in, which only the system scope finds again."""
    nullable = migrated.names(
        "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid "
        "WHERE relkind = 'r' AND attname = 'organization_id' AND NOT attnotnull"
    )
    assert nullable == {"operations"}


def test_functions_with_the_owners_rights_are_few_and_fixed(migrated: Migrated) -> None:
    found = migrated.rows(
        "SELECT proname, proconfig FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    assert {name for name, _ in found} == WITH_THE_OWNERS_RIGHTS.get(migrated.service, set())
    for name, settings in found:
        assert "search_path=public, pg_temp" in settings, name


def test_the_applications_role_is_nobody_special(migrated: Migrated) -> None:
    [row] = migrated.rows(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, "
        "EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid), "
        "EXISTS (SELECT FROM pg_shdepend WHERE refobjid = pg_roles.oid AND deptype = 'o') "
        "FROM pg_roles WHERE rolname = %(role)s",
        role=migrated.application,
    )
    assert not any(row)


def test_the_owners_role_is_bound_by_force(migrated: Migrated) -> None:
    [row] = migrated.rows(
        "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %(role)s", role=migrated.owner
    )
    assert not any(row)


def test_the_applications_role_may_not_change_the_schema(migrated: Migrated) -> None:
    [row] = migrated.rows(
        "SELECT has_schema_privilege(%(role)s, 'public', 'CREATE'), "
        "has_database_privilege(%(role)s, current_database(), 'CREATE'), "
        "has_database_privilege(%(role)s, current_database(), 'TEMP')",
        role=migrated.application,
    )
    assert not any(row)


def test_the_applications_role_has_no_right_to_tables_but_reading_and_writing_rows(
    migrated: Migrated,
) -> None:
    """TRUNCATE goes past the policies, REFERENCES and TRIGGER lead around them."""
    too_much = migrated.rows(
        "SELECT relname, privilege FROM pg_class, "
        "unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege "
        "WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
        "AND has_table_privilege(%(role)s, pg_class.oid, privilege)",
        role=migrated.application,
    )
    assert not too_much
    [(reads_versions,)] = migrated.rows(
        "SELECT has_table_privilege(%(role)s, 'alembic_version', 'SELECT, INSERT, UPDATE, DELETE')",
        role=migrated.application,
    )
    assert not reads_versions


def test_other_roles_may_not_even_connect(migrated: Migrated) -> None:
    [(everybody,)] = migrated.rows(
        "SELECT EXISTS (SELECT FROM pg_database, aclexplode(datacl) "
        "WHERE datname = current_database() AND grantee = 0)"
    )
    assert not everybody


class AsApplication:
    """One transaction of a service's own role, which is rolled back."""

    def __init__(self, system: RunningSystem, service: str, organization_id: str | None) -> None:
        self._connection = psycopg2.connect(system.database_url(service))
        self.cursor = self._connection.cursor()
        self.cursor.execute(f'SET ROLE "{system.role(service, "app")}"')
        if organization_id is not None:
            self.cursor.execute(
                "SELECT set_config('app.organization_id', %s, true)", [organization_id]
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def count(self, table: str) -> int:
        """How many rows it sees."""
        self.cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - our own words # nosec B608
        return int(self.cursor.fetchone()[0])  # type: ignore[index] # a count has a row

    def write_for(self, table: str, organization_id: str) -> None:
        """Tries to make its own rows another organization's."""
        self.cursor.execute(
            f"UPDATE {table} SET organization_id = %s",  # noqa: S608 - our own words # nosec B608
            [organization_id],
        )


@pytest.mark.parametrize("service", SERVICES)
def test_rows_show_to_their_organization_alone(shared_system: RunningSystem, service: str) -> None:
    """On real rows: nothing without the setting or for a stranger, all for their own, and none to give away."""
    victim = new_victim(shared_system.url).organization.id
    filled = 0
    for table in confined_tables(shared_system, service):
        counted = f"SELECT count(*) FROM {table} WHERE organization_id = %s"  # noqa: S608 - our own words # nosec B608
        [(own,)] = shared_system.sql(service, counted, [victim])
        filled += own > 0
        with AsApplication(shared_system, service, None) as nobody:
            assert nobody.count(table) == 0, table
        with AsApplication(shared_system, service, str(uuid.uuid4())) as stranger:
            assert stranger.count(table) == 0, table
        with AsApplication(shared_system, service, victim) as member:
            assert member.count(table) >= own, table
            if own:
                # By the policy, or because the application may not change rows of this table at all.
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    member.write_for(table, str(uuid.uuid4()))
    assert filled >= 2
