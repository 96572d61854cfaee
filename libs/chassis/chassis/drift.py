"""Whether a service's migrations and its models agree, tried on a database made for that and dropped again."""

from __future__ import annotations

from typing import Any

from environs import Env
from sqlalchemy.engine import make_url

from chassis import migrations
from chassis.config import sqlalchemy_url
from chassis.prepare import bootstrap
from chassis.testing.servers import TestDatabase


def differences(package: str, env: Env | None = None) -> list[Any]:
    """What differs between the migrated database and `<package>.storage.metadata`; empty when they agree.

    Needs a superuser's `ADMIN_DATABASE_URL`, or `DATABASE_URL` if that is one's.
    """
    env = env or Env()
    admin = env.str("ADMIN_DATABASE_URL", "") or env.str("DATABASE_URL")
    database = TestDatabase.allot("drift", admin)
    owner = make_url(sqlalchemy_url(database.owner))
    try:
        bootstrap(database.admin, owner, make_url(sqlalchemy_url(database.application)))
        url = owner.render_as_string(hide_password=False)
        migrations.upgrade(package, url)
        return migrations.drift(package, url)
    finally:
        database.drop()
