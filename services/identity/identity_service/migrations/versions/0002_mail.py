"""Invitations, password resets, mails that wait, attempts to sign in."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

from chassis.migrations import IN_SYSTEM_SCOPE, enable_tenancy

revision = "0002"
down_revision = "0001"

THROTTLES = Path(__file__).with_name("0002_throttles.sql")


def moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    default = None if nullable else sa.func.now()
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def upgrade() -> None:
    create_links()
    create_mails()
    create_throttles()


def create_links() -> None:
    op.create_table(
        "links",
        sa.Column("organization_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        moment("created_at"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        moment("used_at", nullable=True),
        belongs_to_user("links"),
        sa.CheckConstraint(
            "purpose IN ('invitation', 'password_reset')", name="links_purpose_check"
        ),
    )
    op.create_index(
        "links_open",
        "links",
        ["organization_id", "user_id", "purpose"],
        unique=True,
        postgresql_where=sa.text("used_at IS NULL"),
    )
    op.create_index("links_user", "links", ["user_id", "organization_id"])
    op.create_index("links_expiry", "links", ["expires_at"])
    enable_tenancy(op, "links")


def belongs_to_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", "user_id"],
        ["users.organization_id", "users.id"],
        name=f"{table}_user_fkey",
        ondelete="CASCADE",
    )


def create_mails() -> None:
    op.create_table(
        "mails",
        sa.Column("organization_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("link_id", sa.Uuid),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="waiting"),
        moment("created_at"),
        moment("due_at"),
        moment("done_at", nullable=True),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("reason", sa.Text),
        belongs_to_user("mails"),
        sa.ForeignKeyConstraint(
            ["organization_id", "link_id"],
            ["links.organization_id", "links.id"],
            name="mails_link_fkey",
            ondelete="CASCADE",
        ),
        *mail_checks(),
    )
    create_mail_indexes()
    enable_tenancy(op, "mails")


def mail_checks() -> list[sa.CheckConstraint]:
    rules = {
        "mails_kind_check": "kind IN ('invitation', 'password_reset', 'password_changed')",
        "mails_status_check": "status IN ('waiting', 'sent', 'failed', 'dropped')",
        "mails_link_check": "(kind = 'password_changed') = (link_id IS NULL)",
    }
    return [sa.CheckConstraint(rule, name=name) for name, rule in rules.items()]


def create_mail_indexes() -> None:
    for name, columns, where in (
        ("mails_waiting", ["priority", "due_at"], "status = 'waiting'"),
        ("mails_failed", ["done_at"], "status = 'failed'"),
        ("mails_done", ["done_at"], "done_at IS NOT NULL"),
        ("mails_user", ["organization_id", "user_id"], None),
        ("mails_link", ["organization_id", "link_id"], None),
    ):
        op.create_index(name, "mails", columns, postgresql_where=where and sa.text(where))


def create_throttles() -> None:
    op.create_table(
        "throttles",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        moment("signed_in_at", nullable=True),
        moment("noted_at", nullable=True),
        sa.Column("forget_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("throttles_forgotten", "throttles", ["forget_at"])
    # Nobody's organization: only work that belongs to the whole system sees it.
    op.execute("ALTER TABLE throttles ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE throttles FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY throttles_system ON throttles USING ({IN_SYSTEM_SCOPE}) WITH CHECK ({IN_SYSTEM_SCOPE})"
    )
    op.execute(
        "CREATE POLICY throttles_owner ON throttles TO CURRENT_USER USING (true) WITH CHECK (true)"
    )
    op.execute(THROTTLES.read_text())


def downgrade() -> None:
    for function in ("take_attempt", "give_attempt_back"):
        op.execute(f"DROP FUNCTION {function}")
    for table in ("throttles", "mails", "links"):
        op.drop_table(table)
