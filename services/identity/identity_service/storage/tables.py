"""The tables. What is computed of a person for searching is in generated columns, so that no writer forgets it."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chassis import erasing, plumbing

metadata = sa.MetaData()
plumbing.add_to(metadata)
erasing.add_to(metadata)

# Byte order: the order that a prefix is a range of, whatever the server's locale.
BYTES: Final = "C"
NAME_KEY: Final = "folded(first_name || ' ' || last_name)"
SORT_KEY: Final = "folded(last_name) || E'\\x01' || folded(first_name)"
EXTERNAL_KEY: Final = "folded(external_id)"
# Without the address's domain: nobody looks for people by it, and everybody's contains the same few words.
SEARCH_TEXT: Final = (
    "folded(' ' || first_name || ' ' || last_name || ' ' || coalesce(split_part(email, '@', 1), '') || ' ' || "
    "coalesce(username, '') || ' ' || coalesce(external_id, ''))"
)

STAFF: Final = "roles && ARRAY['owner', 'admin', 'instructor']"
MANAGERS: Final = "roles && ARRAY['owner', 'admin']"


def moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    """A column for a point in time that is set by the database unless given."""
    default = None if nullable else sa.func.now()
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


organizations = sa.Table(
    "organizations",
    metadata,
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

users = sa.Table(
    "users",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("roles", ARRAY(sa.Text), nullable=False),
    sa.Column("first_name", sa.Text, nullable=False),
    sa.Column("last_name", sa.Text, nullable=False),
    sa.Column("email", sa.Text(collation=BYTES)),
    sa.Column("username", sa.Text),
    sa.Column("username_key", sa.Text(collation=BYTES)),
    sa.Column("external_id", sa.Text(collation=BYTES)),
    sa.Column("phone", sa.Text),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    moment("created_at"),
    moment("updated_at"),
    moment("erased_at", nullable=True),
    sa.Column("name_key", sa.Text(collation=BYTES), sa.Computed(NAME_KEY, persisted=True)),
    sa.Column("sort_key", sa.Text(collation=BYTES), sa.Computed(SORT_KEY, persisted=True)),
    sa.Column("external_key", sa.Text(collation=BYTES), sa.Computed(EXTERNAL_KEY, persisted=True)),
    sa.Column("search_text", sa.Text, sa.Computed(SEARCH_TEXT, persisted=True)),
    sa.ForeignKeyConstraint(
        ["organization_id"], ["organizations.organization_id"], name="users_organization_fkey"
    ),
    sa.CheckConstraint(
        "cardinality(roles) > 0 AND roles <@ ARRAY['owner', 'admin', 'instructor', 'student']",
        name="users_roles_check",
    ),
    sa.CheckConstraint("status IN ('invited', 'active', 'archived')", name="users_status_check"),
    sa.CheckConstraint(
        "status <> 'active' OR password_hash IS NOT NULL", name="users_active_check"
    ),
    sa.CheckConstraint(
        "erased_at IS NOT NULL OR coalesce(email, username, external_id) IS NOT NULL",
        name="users_reachable_check",
    ),
    sa.CheckConstraint(
        "erased_at IS NULL OR (status = 'archived' AND email IS NULL AND username IS NULL AND external_id IS NULL "
        "AND phone IS NULL AND password_hash IS NULL)",
        name="users_erased_check",
    ),
    sa.CheckConstraint(
        "(username IS NULL) = (username_key IS NULL) AND username NOT LIKE '%@%'",
        name="users_username_check",
    ),
    sa.Index("users_email_key", "organization_id", "email", unique=True),
    sa.Index("users_username_key", "organization_id", "username_key", unique=True),
    sa.Index("users_external_id_key", "organization_id", "external_id", unique=True),
    # Signing in looks in all organizations, but only for people with a password; an import writes none of these.
    sa.Index("users_email_login", "email", postgresql_where=sa.text("password_hash IS NOT NULL")),
    sa.Index(
        "users_username_login",
        "username_key",
        postgresql_where=sa.text("password_hash IS NOT NULL"),
    ),
    sa.Index("users_by_sort_key", "organization_id", "sort_key", "id"),
    sa.Index("users_by_status", "organization_id", "status", "sort_key", "id"),
    sa.Index("users_by_name_key", "organization_id", "name_key", "id"),
    sa.Index(
        "users_by_external_key",
        "organization_id",
        "external_key",
        "id",
        postgresql_where=sa.text("external_key IS NOT NULL"),
    ),
    # The few among the many: an organization has far more students than staff, and staff is what is looked for most.
    *(
        sa.Index(
            f"users_staff_by_{name}", "organization_id", name, "id", postgresql_where=sa.text(STAFF)
        )
        for name in ("sort_key", "name_key", "email", "username_key", "external_key")
    ),
    sa.Index(
        "users_staff_search",
        "organization_id",
        "search_text",
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
        postgresql_where=sa.text(STAFF),
    ),
    sa.Index(
        "users_managers", "organization_id", "sort_key", "id", postgresql_where=sa.text(MANAGERS)
    ),
    sa.Index(
        "users_search",
        "organization_id",
        "search_text",
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    ),
)

# Every word that somebody of the organization is called; a trigger on `users` keeps it. There are far fewer words than
# people, so a misspelled one is looked up here first.
name_words = sa.Table(
    "name_words",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("word", sa.Text(collation=BYTES), primary_key=True),
    sa.Index(
        "name_words_near",
        "organization_id",
        "word",
        postgresql_using="gin",
        postgresql_ops={"word": "gin_trgm_ops"},
    ),
)

# What an erased person was called, until the import service has taken it out of the files that people uploaded: there
# a person has names, but not always an id.
former_names = sa.Table(
    "former_names",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("names", JSONB, nullable=False),
    moment("created_at"),
    sa.ForeignKeyConstraint(
        ["organization_id", "user_id"],
        ["users.organization_id", "users.id"],
        name="former_names_user_fkey",
        ondelete="CASCADE",
    ),
)

logins = sa.Table(
    "logins",
    metadata,
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
    sa.Index("logins_user", "organization_id", "user_id"),
    sa.Index("logins_expiry", "expires_at"),
)

access_tokens = sa.Table(
    "access_tokens",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("login_id", sa.Uuid, nullable=False),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(
        ["organization_id", "login_id"],
        ["logins.organization_id", "logins.id"],
        name="access_tokens_login_fkey",
        ondelete="CASCADE",
    ),
    sa.Index("access_tokens_login", "organization_id", "login_id"),
)

refresh_tokens = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("login_id", sa.Uuid, nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    moment("used_at", nullable=True),
    sa.Column("used_by", sa.Uuid),
    sa.ForeignKeyConstraint(
        ["organization_id", "login_id"],
        ["logins.organization_id", "logins.id"],
        name="refresh_tokens_login_fkey",
        ondelete="CASCADE",
    ),
    sa.Index("refresh_tokens_login", "organization_id", "login_id"),
)
