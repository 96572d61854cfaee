"""What the services' Alembic migrations share: environment, plumbing tables, tenancy policies, drift check."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command, context
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from chassis import erasing, plumbing

TENANT = "organization_id = nullif(current_setting('app.organization_id', true), '')::uuid"
IN_SYSTEM_SCOPE = "current_setting('app.system', true) = 'on'"


def create_plumbing(op: Any) -> None:
    """Creates outbox, inbox and operations. Call it in a service's first migration.

    `op` is `alembic.op`: a module that stands in for the current Operations, so no type fits it.
    """
    plumbing.metadata.create_all(op.get_bind())
    for table in plumbing.TENANT_TABLES:
        enable_tenancy(op, table)


def drop_plumbing(op: Any) -> None:
    """Undoes `create_plumbing`."""
    plumbing.metadata.drop_all(op.get_bind())


def create_erased_people(op: Any) -> None:
    """Creates the table of `chassis.erasing`."""
    erasing.metadata.create_all(op.get_bind())
    enable_tenancy(op, "erased_people")


def enable_tenancy(op: Any, table: str, *, in_system_scope: bool = True) -> None:
    """Confines `table` (which has `organization_id`) by forced row level security.

    The application role sees the rows of the organization its transaction is set to, or, where the system scope reaches
    the table, all. Give False unless some work really belongs to no organization: ADR 0014 lists what does.
    Migrations run as the owner, who needs every row; force makes that a policy rather than an exemption.
    """
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    create_tenant_policy(op, table, in_system_scope=in_system_scope)
    op.execute(
        f"CREATE POLICY {table}_owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)"
    )


def create_tenant_policy(op: Any, table: str, *, in_system_scope: bool) -> None:
    """The policy for everybody but the owner, to see and to write."""
    condition = f"{TENANT} OR {IN_SYSTEM_SCOPE}" if in_system_scope else TENANT
    op.execute(
        f"CREATE POLICY {table}_tenant ON {table} USING ({condition}) WITH CHECK ({condition})"
    )


def narrow_system_scope(op: Any, reached: Collection[str]) -> None:
    """Takes every tenant table that was there before out of the system scope's reach, but for `reached`."""
    for table in tables_with_tenancy(op):
        op.execute(f"DROP POLICY {table}_tenant ON {table}")
        create_tenant_policy(op, table, in_system_scope=table in reached)


def widen_system_scope(op: Any) -> None:
    """Undoes `narrow_system_scope`."""
    narrow_system_scope(op, tables_with_tenancy(op))


def tables_with_tenancy(op: Any) -> list[str]:
    """The tables that `enable_tenancy` confined."""
    statement = sa.text(
        "SELECT tablename FROM pg_policies WHERE policyname = tablename || '_tenant'"
    )
    return sorted(op.get_bind().execute(statement).scalars())


def keep_from_application(op: Any, table: str) -> None:
    """Takes from every role but the owner what the database's default privileges gave it."""
    statement = sa.text(
        "SELECT DISTINCT CAST(grantee AS regrole)::text FROM pg_class, aclexplode(relacl) "
        "WHERE pg_class.oid = CAST(:table AS regclass) AND grantee NOT IN (0, relowner)"
    )
    for role in op.get_bind().execute(statement, {"table": table}).scalars():
        op.execute(f"REVOKE ALL ON {table} FROM {role}")


def run_environment(metadata: sa.MetaData) -> None:
    """The whole of a service's `migrations/env.py`: runs on the connection that `upgrade` opened."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


def upgrade(package: str, url: str) -> None:
    """Brings a service's database to the newest schema, as the role in `url`, which owns it."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            # One migration at a time, however many start together.
            connection.exec_driver_sql("SELECT pg_advisory_lock(727274)")
            connection.commit()
            config = alembic_config(package)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    finally:
        engine.dispose()


def drift(package: str, url: str) -> list[Any]:
    """What differs between the migrated database and the models; empty when they agree."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            migration_context = MigrationContext.configure(connection, opts={"compare_type": True})
            return list(compare_metadata(migration_context, models(package)))
    finally:
        engine.dispose()


def models(package: str) -> sa.MetaData:
    """The metadata of `<package>.storage`."""
    metadata: sa.MetaData = importlib.import_module(f"{package}.storage").metadata
    return metadata


def alembic_config(package: str) -> Config:
    """Alembic's configuration for a package's `migrations` folder."""
    module = importlib.import_module(package)
    folder = Path(str(module.__file__)).parent / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder))
    return config
