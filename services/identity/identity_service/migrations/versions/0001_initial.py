"""Organizations, people, logins and tokens."""

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

# Row level security keeps the application role from the trigram indexes, because their operators are not leakproof: for
# that role the planner would read all of the organization's people. So these two functions run as the owner, who may see
# all rows, and confine themselves: to the organization of the setting that the policies read, not to one asked for.
#
# people_like finds at most `most` people who have, for each group of patterns, a match of one of the group, and, if
# `not_beginning` is given, whom the B-trees of storage/search.py don't find by that.
PEOPLE_LIKE = """
CREATE FUNCTION people_like(
    patterns jsonb, not_beginning text, wanted_role text, wanted_status text, most int
)
RETURNS TABLE (id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 20
SET search_path = public, pg_temp
AS $function$
DECLARE
    organization CONSTANT uuid := nullif(current_setting('app.organization_id', true), '')::uuid;
    matches CONSTANT text := (
        SELECT string_agg('(' || (
            SELECT string_agg(format('u.search_text LIKE %L', folded(pattern)), ' OR ')
              FROM jsonb_array_elements_text(alternatives) AS pattern
        ) || ')', ' AND ') FROM jsonb_array_elements(patterns) AS alternatives
    );
BEGIN
    RETURN QUERY EXECUTE format($people$
        SELECT u.id FROM users AS u
         WHERE u.organization_id = $1 AND %s
           AND ($2 IS NULL OR $2 = ANY (u.roles)) AND ($3 IS NULL OR u.status = $3)
           AND NOT coalesce(starts_with(u.name_key, $4) OR starts_with(u.sort_key, $4), false)
           AND NOT coalesce(starts_with(u.email, $4), false)
           AND NOT coalesce(starts_with(u.username_key, $4), false)
           AND NOT coalesce(starts_with(u.external_key, $4), false)
         LIMIT $5
    $people$, matches) USING organization, wanted_role, wanted_status, folded(not_beginning), most;
END
$function$
"""

# words_near finds, for each needle, the words of the organization's people that look most like it.
WORDS_NEAR = """
CREATE FUNCTION words_near(needles text[], most int)
RETURNS TABLE (needle text, folded_needle text, word text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 20
SET search_path = public, pg_temp
AS $function$
DECLARE
    organization CONSTANT uuid := nullif(current_setting('app.organization_id', true), '')::uuid;
BEGIN
    FOREACH needle IN ARRAY needles LOOP
        folded_needle := folded(needle);
        -- Two swapped letters leave "jonh" and "john" two common trigrams of eight. Not a SET of the function: that would
        -- need a superuser where the library is not loaded yet.
        PERFORM set_config(
            'pg_trgm.similarity_threshold', CASE WHEN length(folded_needle) < 6 THEN '0.2' ELSE '0.24' END, true);
        RETURN QUERY EXECUTE $near$
            SELECT $2, $3, w.word FROM name_words AS w
             WHERE w.organization_id = $1 AND w.word % $3 ORDER BY similarity(w.word, $3) DESC, w.word LIMIT $4
        $near$ USING organization, needle, folded_needle, most;
    END LOOP;
END
$function$
"""

# Every word that a person is called is noted, by whatever statement it comes. In one order, so that two batches of new
# people wait for each other rather than deadlock. A word that nobody is called any more does no harm.
NOTE_WORDS = """
CREATE FUNCTION note_words() RETURNS trigger
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $function$
BEGIN
    INSERT INTO name_words (organization_id, word)
    SELECT DISTINCT u.organization_id, called.word
      FROM new_users AS u, regexp_split_to_table(u.search_text, '[^[:alpha:]]+') AS called (word)
     WHERE length(called.word) BETWEEN 3 AND 40 AND NOT EXISTS (
         SELECT FROM name_words AS known
          WHERE known.organization_id = u.organization_id AND known.word = called.word
     )
     ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$function$
"""
NOTE_WORDS_OF_NEW = """
CREATE TRIGGER note_words_of_new AFTER INSERT ON users REFERENCING NEW TABLE AS new_users
FOR EACH STATEMENT EXECUTE FUNCTION note_words()
"""
NOTE_WORDS_OF_CHANGED = """
CREATE TRIGGER note_words_of_changed AFTER UPDATE ON users REFERENCING NEW TABLE AS new_users
FOR EACH STATEMENT EXECUTE FUNCTION note_words()
"""

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
        ("users_staff_by_sort_key", ["organization_id", "sort_key", "id"], STAFF),
        ("users_staff_by_name_key", ["organization_id", "name_key", "id"], STAFF),
        ("users_managers", ["organization_id", "id"], MANAGERS),
    ):
        op.create_index(name, "users", columns, postgresql_where=where and sa.text(where))
    op.create_index(
        "users_search",
        "users",
        ["organization_id", "search_text"],
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    )


def create_name_words() -> None:
    op.create_table(
        "name_words",
        sa.Column("organization_id", sa.Uuid, primary_key=True),
        sa.Column("word", sa.Text, primary_key=True),
    )
    op.create_index(
        "name_words_near",
        "name_words",
        ["organization_id", "word"],
        postgresql_using="gin",
        postgresql_ops={"word": "gin_trgm_ops"},
    )
    for statement in (
        PEOPLE_LIKE,
        WORDS_NEAR,
        NOTE_WORDS,
        NOTE_WORDS_OF_NEW,
        NOTE_WORDS_OF_CHANGED,
    ):
        op.execute(statement)


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
