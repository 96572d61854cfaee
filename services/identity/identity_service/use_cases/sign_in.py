"""Signing in and out: logins, and the access and refresh tokens of each."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis import audit, context
from chassis.context import Operation
from chassis.database import SYSTEM, Database, UnitOfWork
from chassis.fields import rfc3339
from identity_service import errors, schemas
from identity_service.domain.throttle import Throttle
from identity_service.domain.tokens import Tokens
from identity_service.storage import credentials, throttles
from identity_service.storage.credentials import Login
from identity_service.use_cases.attempts import require_taken
from identity_service.use_cases.hashing import Hashing
from identity_service.use_cases.new_passwords import publish_revocation
from identity_service.use_cases.trying import (
    begin,
    need_hashes,
    note,
    settle_without_login,
    with_right_password,
)

# An Idempotency-Key is remembered for a day: docs/contracts.md.
REPEATABLE = timedelta(days=1)


def authenticate(
    database: Database,
    tokens: Tokens,
    hashing: Hashing,
    throttle: Throttle,
    arguments: dict[str, Any],
    operation: Operation,
) -> dict[str, Any]:
    """Signs a person in by e-mail or username. The password is checked each time, for a repeated call too.

    Whether there is such a person changes neither the statements nor the hashes that a refusal costs; nor does whether
    it was refused for being one attempt too many.
    """
    with hashing.place() as place:
        attempt, candidates = begin(database, throttle, arguments)
        require_taken(attempt)
        need_hashes(database, throttle, place, arguments, attempt, len(candidates))
        people = with_right_password(place, candidates, arguments["password"])
    if len(people) != 1:
        settle_without_login(database, throttle, attempt, people, candidates)
    person = the_one(people)
    with database.unit_of_work(SYSTEM) as uow:
        done = uow.replay(operation)
        if done is None:
            done = sign_in(uow, tokens, person, operation)
            note(uow, "sign_in.succeeded", person, actor_id=person.id)
            uow.record(operation, done)
        # A login of several accounts forgives nothing: one of them may be the guesser's own.
        give_back = throttles.give_back if len(candidates) == 1 else throttles.give_back_one
        give_back(uow, attempt.taken, throttle.known_for)
        uow.commit()
    return with_tokens(done, tokens, operation)


def the_one(people: Sequence[Any]) -> Any:
    """The person who signs in; an organization is only named to somebody who could sign in there."""
    if not people:
        raise errors.bad_credentials()
    if len(people) > 1:
        raise errors.choose_organization([{"slug": one.slug, "name": one.name} for one in people])
    return people[0]


def sign_in(uow: UnitOfWork, tokens: Tokens, person: Any, operation: Operation) -> dict[str, Any]:
    """Stores a login; the person may have been archived, or the password changed, since it was checked."""
    user = credentials.find_active(uow, person.organization_id, person.id)
    if user is None or user.password_hash != person.password_hash:
        raise errors.bad_credentials()
    login = Login(person.organization_id, uuid.uuid4(), person.id)
    start_login(uow, tokens, login, operation, datetime.now(UTC))
    credentials.forget_expired_logins(uow)
    return answer(tokens, user, credentials.organization_of(uow, login))


def start_login(
    uow: UnitOfWork, tokens: Tokens, login: Login, operation: Operation, now: datetime
) -> None:
    """Stores a new family with its first tokens."""
    ends_at = now + min(tokens.refresh_life, tokens.login_life)
    credentials.add_login(uow, login, ends_at)
    add_tokens(uow, tokens, login, operation, now, ends_at)


def add_tokens(
    uow: UnitOfWork,
    tokens: Tokens,
    login: Login,
    operation: Operation,
    now: datetime,
    ends_at: datetime,
) -> None:
    """Stores the operation's tokens, as digests."""
    credentials.add_tokens(
        uow,
        login,
        tokens.pair_for(operation.id, operation.fingerprint),
        access_expires_at=now + tokens.access_life,
        refresh_expires_at=ends_at,
    )


def refresh(
    database: Database, tokens: Tokens, refresh_token: str, operation: Operation
) -> dict[str, Any]:
    """New tokens for a refresh token, which is used up by that.

    Used again, it ends the whole family: one of the two users is a thief. Only the same operation, a caller that missed
    the answer, gets that answer again, for a day.
    """
    now = datetime.now(UTC)
    with database.unit_of_work(SYSTEM) as uow:
        token = credentials.lock_refresh_token(uow, refresh_token)
        if token is None or not token.is_fresh or now - token.started_at >= tokens.login_life:
            raise errors.bad_refresh_token()
        login = Login(token.organization_id, token.login_id, token.user_id)
        if is_reused(token, operation, now):
            end_stolen(uow, login)
            uow.commit()
            raise errors.bad_refresh_token()
        user = credentials.find_active(uow, login.organization_id, login.user_id)
        if user is None:
            raise errors.bad_refresh_token()
        if token.used_at is None:
            credentials.mark_used(uow, refresh_token, operation.id)
            go_on(uow, tokens, login, operation, now, token.started_at + tokens.login_life)
        else:
            context.current().replayed = True
        done = answer(tokens, user, credentials.organization_of(uow, login))
        uow.commit()
    return with_tokens(done, tokens, operation)


def is_reused(token: Any, operation: Operation, now: datetime) -> bool:
    """Whether a used refresh token comes from somebody else, or so late that nobody still waits for the answer."""
    if token.used_at is None:
        return False
    return bool(token.used_by != operation.id or now - token.used_at > REPEATABLE)


def go_on(
    uow: UnitOfWork,
    tokens: Tokens,
    login: Login,
    operation: Operation,
    now: datetime,
    ends_at: datetime,
) -> None:
    """Stores the next pair of a login, which ends at `ends_at` whatever happens."""
    until = min(now + tokens.refresh_life, ends_at)
    credentials.extend_login(uow, login, until)
    add_tokens(uow, tokens, login, operation, now, until)


def revoke(database: Database, access_token: str) -> None:
    """Ends the login that a token belongs to, with all its tokens. A token that is nobody's is no error."""
    with database.unit_of_work(SYSTEM) as uow:
        login = credentials.find_login(uow, access_token)
        if login is not None:
            end_login(uow, login, "sign_out", actor_id=login.user_id)
            uow.commit()


def end_stolen(uow: UnitOfWork, login: Login) -> None:
    """Ends a login whose refresh token two have used: nobody knows which of them is the thief."""
    end_login(uow, login, "tokens.reused", actor_id=None)


def end_login(uow: UnitOfWork, login: Login, action: str, *, actor_id: uuid.UUID | None) -> None:
    """Removes a login, tells whoever keeps its tokens in memory, and the audit log."""
    organization_id = login.organization_id
    credentials.end_login(uow, organization_id, login.id)
    publish_revocation(uow, login.user_id, login_id=login.id, organization_id=organization_id)
    audit.record(
        uow,
        action,
        targets=[login.user_id],
        actor_id=actor_id,
        organization_id=organization_id,
    )


def verify_token(database: Database, access_token: str) -> dict[str, Any]:
    """Who a token belongs to, with status and roles as they are at this moment."""
    row = credentials.verified(database, access_token)
    if row is None:
        raise errors.bad_token()
    user_id, organization_id, roles, expires_at = row
    return {
        "user_id": str(user_id),
        "organization_id": str(organization_id),
        "roles": roles,
        "expires_at": rfc3339(expires_at),
    }


def answer(tokens: Tokens, user: Any, organization: Any) -> dict[str, Any]:
    """What a sign-in answers, without the tokens, which are never stored."""
    return {
        "user": schemas.user_json(user),
        "organization": schemas.organization_json(organization),
        "expires_in": int(tokens.access_life.total_seconds()),
    }


def with_tokens(done: dict[str, Any], tokens: Tokens, operation: Operation) -> dict[str, Any]:
    """The answer with the operation's tokens, derived anew."""
    pair = tokens.pair_for(operation.id, operation.fingerprint)
    return {**done, "access_token": pair.access, "refresh_token": pair.refresh}
