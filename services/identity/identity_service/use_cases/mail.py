"""Sending what waits: one mail at a time, each in a transaction of its own.

The mail is marked as sent before it is handed over, and the mark is committed after: between the server's yes and the
end of the commit lies one round trip. Whoever is killed before the yes has sent nothing and marked nothing; in that one
round trip, a mail was sent and is not marked, and will be sent again, with the same Message-ID. ADR 0010 says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from chassis import metrics
from chassis.database import SYSTEM, Database, UnitOfWork
from chassis.mail.message import Letter, compose
from chassis.mail.problems import NotNow, Refused, Unreachable
from chassis.mail.settings import Carrier
from identity_service.domain import mail_texts
from identity_service.domain.links import INVITATION, PASSWORD_RESET, Links
from identity_service.storage import links as link_rows
from identity_service.storage import mails

log = structlog.get_logger()

LONGEST_DELAY = timedelta(hours=1)
HOUSEKEEPING_SECONDS = 30.0
FORGET_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Post:
    """How mails are sent. `offload(function, *arguments)` runs what blocks away from the event loop."""

    carrier: Carrier
    sender: str
    offload: Callable[..., Any]
    first_delay: timedelta = timedelta(minutes=1)
    give_up_after: timedelta = timedelta(days=3)
    kept_for: timedelta = timedelta(days=30)


@dataclass(slots=True)
class Mailroom:
    """Sends an identity database's mails."""

    database: Database
    links: Links
    post: Post
    _measured_at: float = field(default=float("-inf"), init=False)
    _tidied_at: float = field(default=float("-inf"), init=False)

    def send_next(self) -> bool:
        """Sends the next mail that is due, or settles why not. False if none is; raises Unreachable."""
        self._keep_house()
        with self.database.unit_of_work(SYSTEM) as uow:
            mail = mails.take_next(uow)
            if mail is None:
                return False
            outcome = self._settle(uow, mail)
            uow.commit()
        metrics.mails.labels(mail.kind, outcome).inc()
        log.info("mail.settled", outcome=outcome, mail_id=str(mail.id), kind=mail.kind)
        return True

    def rest(self) -> None:
        """Nothing is due for now."""
        self.post.offload(self.post.carrier.rest)

    def _settle(self, uow: UnitOfWork, mail: Any) -> str:
        if not is_wanted(mail):
            mails.mark(uow, mail, "dropped", "nobody needs it any more")
            return "dropped"
        if datetime.now(UTC) - mail.created_at > self.post.give_up_after:
            mails.mark(uow, mail, "failed", f"given up: {mail.reason or 'no server took it'}")
            return "failed"
        mails.mark(uow, mail, "sent")
        return self._hand_over(uow, mail)

    def _hand_over(self, uow: UnitOfWork, mail: Any) -> str:
        try:
            message = compose(letter_of(mail, self.links), self.post.sender)
            self.post.offload(self.post.carrier.deliver, mail.id, message)
        except Unreachable:
            raise
        except Refused as error:
            mails.take_mark_back(uow)
            mails.mark(uow, mail, "failed", error.reason)
            return "failed"
        except NotNow as error:
            return self._put_off(uow, mail, error.reason)
        except Exception as error:
            # One mail that can't be made must not stand before all others.
            log.exception("mail.broken", mail_id=str(mail.id))
            return self._put_off(uow, mail, type(error).__name__)
        return "sent"

    def _put_off(self, uow: UnitOfWork, mail: Any, reason: str) -> str:
        mails.take_mark_back(uow)
        mails.put_off(uow, mail, delay_after(mail.attempts, self.post.first_delay), reason)
        return "put_off"

    def _keep_house(self) -> None:
        now = time.monotonic()
        if now - self._measured_at > HOUSEKEEPING_SECONDS:
            self._measured_at = now
            found = mails.counts(self.database)
            metrics.mails_waiting.set(found.waiting)
            metrics.mails_failed.set(found.failed)
            metrics.oldest_mail.set(found.oldest)
        if now - self._tidied_at > FORGET_SECONDS:
            self._tidied_at = now
            self._forget_old()

    def _forget_old(self) -> None:
        before = datetime.now(UTC) - self.post.kept_for
        with self.database.unit_of_work(SYSTEM) as uow:
            mails.forget_old(uow, before)
            link_rows.forget_old(uow, before)
            uow.commit()


def delay_after(attempts: int, first: timedelta) -> timedelta:
    """How long a mail waits after it was not taken: twice as long each time, up to an hour."""
    return min(first * float(2 ** min(attempts, 20)), LONGEST_DELAY)


def is_wanted(mail: Any) -> bool:
    """Whether the mail still makes sense: its link opens something, and its person is there to read it."""
    if not mail.is_wanted or mail.email is None:
        return False
    expected = {INVITATION: {"invited"}, PASSWORD_RESET: {"active"}}
    return mail.status in expected.get(mail.kind, {"active", "invited"})


def letter_of(mail: Any, links: Links) -> Letter:
    """The mail's words, with its link, which exists from here on and nowhere before."""
    words = words_of(mail, links)
    return Letter(
        id=mail.id,
        written_at=mail.created_at,
        to_name=f"{mail.first_name} {mail.last_name}",
        to_address=mail.email,
        subject=words.subject,
        text=words.text,
        html=words.html,
    )


def words_of(mail: Any, links: Links) -> mail_texts.Words:
    """What a mail of its kind says."""
    name, organization = mail.first_name, mail.organization_name
    if mail.kind == INVITATION:
        url = links.url_for(INVITATION, mail.link_id)
        life = links.life_of(INVITATION)
        return mail_texts.invitation(name, organization, url, life, mail.username)
    if mail.kind == PASSWORD_RESET:
        url = links.url_for(PASSWORD_RESET, mail.link_id)
        return mail_texts.password_reset(name, organization, url, links.life_of(PASSWORD_RESET))
    return mail_texts.password_changed(name, organization)
