"""Queries of erasure: what people were called, and the words they alone were found by."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from chassis.database import UnitOfWork
from identity_service.storage.tables import former_names

OF_PERSON: Final = (
    former_names.c.organization_id == sa.bindparam("organization"),
    former_names.c.user_id == sa.bindparam("person"),
)
FIND: Final = sa.select(former_names.c.names).where(*OF_PERSON)
FORGET: Final = former_names.delete().where(*OF_PERSON)

# Also the words that people were called before they changed their names. A word that somebody is given at this very
# moment may go with them: then a misspelling of it is not understood until its next change. The same words as the
# trigger's that notes them (0001_search.sql).
FORGET_WORDS: Final = """
    WITH called AS MATERIALIZED (
        SELECT DISTINCT words.word
          FROM users AS u,
               regexp_split_to_table(concat_ws(' ', u.name_key, u.username_key), '[^[:alpha:]]+') AS words (word)
         WHERE u.organization_id = %(organization)s
    )
    DELETE FROM name_words AS known
     WHERE known.organization_id = %(organization)s
       AND NOT EXISTS (SELECT FROM called WHERE called.word = known.word)
"""


# Why a mail was not taken may repeat the address; a link goes with its mail's reason to be.
FORGET_MAILS: Final = """
    DELETE FROM mails WHERE organization_id = %(organization)s AND user_id = %(person)s;
    DELETE FROM links WHERE organization_id = %(organization)s AND user_id = %(person)s
"""


def keep_names(uow: UnitOfWork, user_id: uuid.UUID, names: Mapping[str, str]) -> None:
    """Keeps what a person was called until `forget_names`."""
    values = {"organization_id": uow.organization_id, "user_id": user_id, "names": dict(names)}
    uow.execute(former_names.insert(), values)


def find_names(uow: UnitOfWork, user_id: uuid.UUID) -> dict[str, str]:
    """What an erased person was called, as far as somebody still needs to know."""
    found = uow.execute(FIND, whose(uow, user_id)).scalar_one_or_none()
    return dict(found or {})


def forget_names(uow: UnitOfWork, user_id: uuid.UUID) -> None:
    """Nobody needs them any more."""
    uow.execute(FORGET, whose(uow, user_id))


def forget_words(uow: UnitOfWork) -> None:
    """Removes the words that nobody of the organization is called any more."""
    uow.connection.exec_driver_sql(FORGET_WORDS, {"organization": str(uow.organization_id)})


def forget_mails(uow: UnitOfWork, user_id: uuid.UUID) -> None:
    """Removes the person's links and the notes of what was mailed to them."""
    ids = {"organization": str(uow.organization_id), "person": str(user_id)}
    uow.connection.exec_driver_sql(FORGET_MAILS, ids)


def whose(uow: UnitOfWork, user_id: uuid.UUID) -> dict[str, Any]:
    """The parameters of a statement about one person."""
    return {"organization": uow.organization_id, "person": user_id}
