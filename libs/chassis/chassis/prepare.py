"""Everything a service needs before its first replica starts: database, roles, schema, bus topology.

Run by `bin/migrate`, `bin/run`, compose's and Kubernetes' jobs; never by a replica.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable

import psycopg2
import structlog
from amqp.exceptions import AMQPError
from environs import Env
from psycopg2 import sql
from sqlalchemy.engine import URL, make_url

from chassis import broker_users, migrations, topology
from chassis.addresses import ServerUrl, address_setting, broker_url
from chassis.broker_users import BrokerUser
from chassis.config import libpq_url, sqlalchemy_url
from chassis.events import Contract

log = structlog.get_logger()

# Our statements carry their values in their text, names and messages of people among them: PostgreSQL must not log the
# text of one that failed, nor the row that a constraint refused.
LOGGING = {"log_min_error_statement": "panic", "log_error_verbosity": "terse"}

# A commit that was not replicated is only told by the words of a warning: see UnitOfWork.
OF_ROLES = {**LOGGING, "lc_messages": "C"}


def contract_of(package: str) -> Contract:
    """The contract that `<package>.events` declares."""
    contract: Contract = importlib.import_module(f"{package}.events").CONTRACT
    return contract


def prepare(package: str, env: Env | None = None) -> None:
    """Creates what is missing. Idempotent, safe to run twice at once.

    `ADMIN_DATABASE_URL` may be left out where database and roles are made by other means.
    """
    env = env or Env()
    application = make_url(address_setting(env, "DATABASE_URL", sqlalchemy_url))
    owner = make_url(address_setting(env, "MIGRATION_DATABASE_URL", sqlalchemy_url))
    if env.str("ADMIN_DATABASE_URL", ""):
        admin = address_setting(env, "ADMIN_DATABASE_URL", sqlalchemy_url)
        patiently(lambda: bootstrap(admin, owner, application), psycopg2.OperationalError)
    migrations.upgrade(package, owner.render_as_string(hide_password=False))
    prepare_bus(package, env)
    log.info("service.prepared", package=package)


def prepare_bus(package: str, env: Env | None = None) -> None:
    """The bus's part: the user in `AMQP_URL` with its permissions, exchanges and queues. Idempotent.

    `AMQP_ADMIN_URL` declares; without it `AMQP_URL` has to be an administrator's. `RABBITMQ_MANAGEMENT_URL`, the
    management plugin's address with an administrator's name and password, may be left out where users are made by other
    means.
    """
    env = env or Env()
    contract, own_url = contract_of(package), address_setting(env, "AMQP_URL", broker_url)
    if env.str("RABBITMQ_MANAGEMENT_URL", ""):
        management_url = address_setting(env, "RABBITMQ_MANAGEMENT_URL", ServerUrl.read)
        wanted = broker_users.definitions([(BrokerUser.of(own_url), contract)])
        patiently(lambda: broker_users.admit(management_url, wanted), OSError)
    admin_url = own_url
    if env.str("AMQP_ADMIN_URL", ""):
        admin_url = address_setting(env, "AMQP_ADMIN_URL", broker_url)
    patiently(lambda: topology.declare(contract, admin_url), (OSError, AMQPError))


def patiently(
    action: Callable[[], None],
    errors: type[Exception] | tuple[type[Exception], ...],
    seconds: float = 60,
) -> None:
    """Runs `action` until a server that is still starting lets it through."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return action()
        except errors as error:
            if time.monotonic() > deadline:
                raise
            log.info("server.not_ready", error=type(error).__name__)
            time.sleep(0.5)


def bootstrap(admin_url: str, owner: URL, application: URL) -> None:
    """Creates the database, owned by one role, and the application role, which owns nothing."""
    connection = psycopg2.connect(libpq_url(sqlalchemy_url(admin_url)))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            # Roles are shared by the whole server, so two services' bootstraps take turns.
            cursor.execute("SELECT pg_advisory_lock(727273)")
            for role in (owner, application):
                ensure_role(cursor, role)
                set_for_role(cursor, role)
            ensure_database(cursor, owner)
    finally:
        connection.close()
    grant(admin_url, owner, application)


def ensure_role(cursor: psycopg2.extensions.cursor, role: URL) -> None:
    """Creates the login role or sets its password."""
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role.username,))
    verb = sql.SQL("ALTER" if cursor.fetchone() else "CREATE")
    cursor.execute(
        sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD {}").format(
            verb, sql.Identifier(str(role.username)), sql.Literal(role.password)
        )
    )


def set_for_role(cursor: psycopg2.extensions.cursor, role: URL) -> None:
    """Sets what PostgreSQL logs of the role's statements. Only a superuser may, so others are told to see to it."""
    try:
        for setting, value in OF_ROLES.items():
            cursor.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(
                    sql.Identifier(str(role.username)), sql.Identifier(setting), sql.Literal(value)
                )
            )
    except psycopg2.errors.InsufficientPrivilege:
        log.warning("server.may_log_statements", role=role.username, **OF_ROLES)


def ensure_database(cursor: psycopg2.extensions.cursor, owner: URL) -> None:
    """Creates the database, closed to other roles."""
    name = sql.Identifier(str(owner.database))
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (owner.database,))
    if cursor.fetchone() is None:
        owner_name = sql.Identifier(str(owner.username))
        cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(owner_name))
        cursor.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                name, owner_name
            )
        )
    cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))


def grant(admin_url: str, owner: URL, application: URL) -> None:
    """Lets the application role connect and use what the owner creates, now and later."""
    url = make_url(sqlalchemy_url(admin_url)).set(database=owner.database)
    connection = psycopg2.connect(libpq_url(url.render_as_string(hide_password=False)))
    names = {
        "db": sql.Identifier(str(owner.database)),
        "owner": sql.Identifier(str(owner.username)),
        "app": sql.Identifier(str(application.username)),
    }
    statements = (
        "GRANT CONNECT ON DATABASE {db} TO {app}",
        # Which PostgreSQL before version 15 gives to everybody.
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO {app}",
        "GRANT CREATE, USAGE ON SCHEMA public TO {owner}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE ON SEQUENCES TO {app}",
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(727273)")
        for statement in statements:
            cursor.execute(sql.SQL(statement).format(**names))
    connection.close()
