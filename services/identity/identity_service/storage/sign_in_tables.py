"""The tables of links, mails and attempts to sign in. None of them holds an address, a name or a token."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from identity_service.storage.tables import metadata, moment

WAITING: Final = "status = 'waiting'"

links = sa.Table(
    "links",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    moment("created_at"),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    # Set when it was used, and when a newer one, another address or a new password ended it.
    moment("used_at", nullable=True),
    sa.ForeignKeyConstraint(
        ["organization_id", "user_id"],
        ["users.organization_id", "users.id"],
        name="links_user_fkey",
        ondelete="CASCADE",
    ),
    sa.CheckConstraint("purpose IN ('invitation', 'password_reset')", name="links_purpose_check"),
    # One open link of a kind: the newer ends the older, also when two are made at the same moment.
    sa.Index(
        "links_open",
        "organization_id",
        "user_id",
        "purpose",
        unique=True,
        postgresql_where=sa.text("used_at IS NULL"),
    ),
    # The person first: while PostgreSQL knows nothing yet of thousands of new links, an index that begins with the
    # organization looks to it as good for the check of a mail's foreign key as the primary key does.
    sa.Index("links_user", "user_id", "organization_id"),
    sa.Index("links_expiry", "expires_at"),
)

mails = sa.Table(
    "mails",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("link_id", sa.Uuid),
    # Somebody waits for a reset; thousands of invitations must not stand before it.
    sa.Column("priority", sa.SmallInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="waiting"),
    moment("created_at"),
    moment("due_at"),
    moment("done_at", nullable=True),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("reason", sa.Text),
    sa.ForeignKeyConstraint(
        ["organization_id", "user_id"],
        ["users.organization_id", "users.id"],
        name="mails_user_fkey",
        ondelete="CASCADE",
    ),
    sa.ForeignKeyConstraint(
        ["organization_id", "link_id"],
        ["links.organization_id", "links.id"],
        name="mails_link_fkey",
        ondelete="CASCADE",
    ),
    sa.CheckConstraint(
        "kind IN ('invitation', 'password_reset', 'password_changed')", name="mails_kind_check"
    ),
    sa.CheckConstraint(
        "status IN ('waiting', 'sent', 'failed', 'dropped')", name="mails_status_check"
    ),
    sa.CheckConstraint("(kind = 'password_changed') = (link_id IS NULL)", name="mails_link_check"),
    sa.Index("mails_waiting", "priority", "due_at", postgresql_where=sa.text(WAITING)),
    sa.Index("mails_failed", "done_at", postgresql_where=sa.text("status = 'failed'")),
    sa.Index("mails_done", "done_at", postgresql_where=sa.text("done_at IS NOT NULL")),
    sa.Index("mails_user", "organization_id", "user_id"),
    sa.Index("mails_link", "organization_id", "link_id"),
)

# Belongs to no organization: an unknown login is counted like a known one.
throttles = sa.Table(
    "throttles",
    metadata,
    sa.Column("key", sa.LargeBinary, primary_key=True),
    # When the allowance is whole again; how far that lies ahead is how much was taken.
    sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
    moment("signed_in_at", nullable=True),
    moment("noted_at", nullable=True),
    sa.Column("forget_at", sa.DateTime(timezone=True), nullable=False),
    sa.Index("throttles_forgotten", "forget_at"),
)
