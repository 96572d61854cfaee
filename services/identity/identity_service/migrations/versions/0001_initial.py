"""Organizations, people, logins and tokens."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.migrations import create_plumbing, drop_plumbing, enable_tenancy

revision = "0001"
down_revision = None

EXTENSIONS = ("pg_trgm", "btree_gin", "unaccent")
TENANT_TABLES = (
    "organizations",
    "users",
    "name_words",
    "logins",
    "access_tokens",
    "refresh_tokens",
)

# Immutable, so that generated columns may use it: unaccent() itself is only stable, because its dictionary can be
# changed; after such a change the columns would have to be computed again.
FOLDED = """
CREATE FUNCTION folded(text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT lower(public.unaccent('public.unaccent'::regdictionary, $1) COLLATE "default")
$$
"""

SEARCH = Path(__file__).with_name("0001_search.sql")

STAFF = "roles && ARRAY['owner', 'admin', 'instructor']"
MANAGERS = "roles && ARRAY['owner', 'admin']"
SIGNS_IN = "password_hash IS NOT NULL"


def moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    default = None if nullable else sa.func.now()
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def upgrade() -> None:
    for extension in EXTENSIONS:
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension} WITH SCHEMA public")
    op.execute(FOLDED)
    create_organizations()
    create_users()
    create_user_indexes()
    create_name_words()
    create_logins()
    create_tokens()
    create_plumbing(op)
    for table in TENANT_TABLES:
        enable_tenancy(op, table)


def create_organizations() -> None:
    op.create_table(
        "organizations",
        sa.Column("organization_id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("conflict_policy", sa.Text, nullable=False, server_default="block"),
        sa.Column("students_may_book", sa.Text, nullable=False, server_default="no"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        moment("created_at"),
        moment("updated_at"),
        sa.UniqueConstraint("slug", name="organizations_slug_key"),
        sa.CheckConstraint(
            "conflict_policy IN ('block', 'warn')", name="organizations_conflict_policy_check"
        ),
        sa.CheckConstraint(
            "students_may_book IN ('no', 'request', 'yes')",
            name="organizations_students_may_book_check",
        ),
    )


def create_users() -> None:
    op.create_table(
        "users",
        sa.Column("organization_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("roles", ARRAY(sa.Text), nullable=False),
        sa.Column("first_name", sa.Text, nullable=False),
        sa.Column("last_name", sa.Text, nullable=False),
        sa.Column("email", sa.Text(collation="C")),
        sa.Column("username", sa.Text),
        sa.Column("username_key", sa.Text(collation="C")),
        sa.Column("external_id", sa.Text(collation="C")),
        sa.Column("phone", sa.Text),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        moment("created_at"),
        moment("updated_at"),
        *search_columns(),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name="users_organization_fkey"
        ),
        *user_checks(),
    )


def search_columns() -> list[sa.Column[Any]]:
    computed = {
        "name_key": "folded(first_name || ' ' || last_name)",
        "sort_key": "folded(last_name) || E'\\x01' || folded(first_name)",
        "external_key": "folded(external_id)",
    }
    text = (
        "folded(' ' || first_name || ' ' || last_name || ' ' || coalesce(split_part(email, '@', 1), '') || ' ' || "
        "coalesce(username, '') || ' ' || coalesce(external_id, ''))"
    )
    keys = [
        sa.Column(name, sa.Text(collation="C"), sa.Computed(rule, persisted=True))
        for name, rule in computed.items()
    ]
    return [*keys, sa.Column("search_text", sa.Text, sa.Computed(text, persisted=True))]


def user_checks() -> list[sa.CheckConstraint]:
    rules = {
        "users_roles_check": (
            "cardinality(roles) > 0 AND roles <@ ARRAY['owner', 'admin', 'instructor', 'student']"
        ),
        "users_status_check": "status IN ('invited', 'active', 'archived')",
        "users_active_check": "status <> 'active' OR password_hash IS NOT NULL",
        "users_reachable_check": "coalesce(email, username, external_id) IS NOT NULL",
        "users_username_check": (
            "(username IS NULL) = (username_key IS NULL) AND username NOT LIKE '%@%'"
        ),
    }
    return [sa.CheckConstraint(rule, name=name) for name, rule in rules.items()]


def create_user_indexes() -> None:
    for name, column in (
        ("users_email_key", "email"),
        ("users_username_key", "username_key"),
        ("users_external_id_key", "external_id"),
    ):
        op.create_index(name, "users", ["organization_id", column], unique=True)
    for name, columns, where in (
        ("users_email_login", ["email"], SIGNS_IN),
        ("users_username_login", ["username_key"], SIGNS_IN),
        ("users_by_sort_key", ["organization_id", "sort_key", "id"], None),
        ("users_by_status", ["organization_id", "status", "sort_key", "id"], None),
        ("users_by_name_key", ["organization_id", "name_key", "id"], None),
        (
            "users_by_external_key",
            ["organization_id", "external_key", "id"],
            "external_key IS NOT NULL",
        ),
        *(
            (f"users_staff_by_{key}", ["organization_id", key, "id"], STAFF)
            for key in ("sort_key", "name_key", "email", "username_key", "external_key")
        ),
        ("users_managers", ["organization_id", "sort_key", "id"], MANAGERS),
    ):
        op.create_index(name, "users", columns, postgresql_where=where and sa.text(where))
    for name, where in (("users_search", None), ("users_staff_search", STAFF)):
        op.create_index(
            name,
            "users",
            ["organization_id", "search_text"],
            postgresql_using="gin",
            postgresql_ops={"search_text": "gin_trgm_ops"},
            postgresql_where=where and sa.text(where),
        )


def create_name_words() -> None:
    op.create_table(
        "name_words",
        sa.Column("organization_id", sa.Uuid, primary_key=True),
        sa.Column("word", sa.Text(collation="C"), primary_key=True),
    )
    op.create_index(
        "name_words_near",
        "name_words",
        ["organization_id", "word"],
        postgresql_using="gin",
        postgresql_ops={"word": "gin_trgm_ops"},
    )
    op.execute(SEARCH.read_text())


def create_logins() -> None:
    op.create_table(
        "logins",
        sa.Column("organization_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, nullable=False),
        moment("created_at"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name="logins_user_fkey",
            ondelete="CASCADE",
        ),
    )
    op.create_index("logins_user", "logins", ["organization_id", "user_id"])
    op.create_index("logins_expiry", "logins", ["expires_at"])


def create_tokens() -> None:
    create_token_table("access_tokens", sa.Column("user_id", sa.Uuid, nullable=False))
    create_token_table(
        "refresh_tokens", moment("used_at", nullable=True), sa.Column("used_by", sa.Uuid)
    )


def create_token_table(table: str, *more: sa.Column[Any]) -> None:
    op.create_table(
        table,
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("login_id", sa.Uuid, nullable=False),
        *more,
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "login_id"],
            ["logins.organization_id", "logins.id"],
            name=f"{table}_login_fkey",
            ondelete="CASCADE",
        ),
    )
    op.create_index(f"{table}_login", table, ["organization_id", "login_id"])


def downgrade() -> None:
    drop_plumbing(op)
    for function in ("people_like", "words_near", "note_words"):
        op.execute(f"DROP FUNCTION {function} CASCADE")
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION folded(text)")
