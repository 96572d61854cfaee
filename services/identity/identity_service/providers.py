"""What the process has once, and each of identity's entrypoints gets: hashing, makers of tokens and links, mail."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import eventlet
import structlog
from environs import Env
from eventlet import tpool
from nameko.extensions import DependencyProvider

from chassis.mail.worker import MailWorker
from identity_service import settings
from identity_service.domain.links import Links
from identity_service.domain.throttle import Throttle
from identity_service.domain.tokens import Tokens
from identity_service.use_cases.hashing import Hashing
from identity_service.use_cases.mail import Mailroom

log = structlog.get_logger()

M_MMAP_THRESHOLD = -3  # malloc.h


class TokenMaker(DependencyProvider):
    """The process's `Tokens`."""

    def setup(self) -> None:
        self._tokens = settings.load_tokens(Env())

    def get_dependency(self, worker_ctx: Any) -> Tokens:
        return self._tokens


class PasswordHashing(DependencyProvider):
    """The process's `Hashing`, in real threads away from the event loop, which leave the processor to others."""

    def setup(self) -> None:
        give_back_large_blocks()
        env = Env()
        # One more, so that a mail that takes long stands in no hash's way, nor they in its.
        tpool.set_num_threads(settings.load_at_once(env) + 1)
        self._hashing = settings.load_hashing(env, partial(nicely, settings.load_niceness(env)))

    def get_dependency(self, worker_ctx: Any) -> Hashing:
        return self._hashing


def nicely(niceness: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` returns, from a thread of this niceness: Linux has one for each. Nothing urgent runs in these."""
    return tpool.execute(in_a_nice_thread, niceness, function, *arguments)


def in_a_nice_thread(niceness: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """The same in this thread, which stays as nice."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
    return function(*arguments)


class LinkMaker(DependencyProvider):
    """The process's `Links`."""

    def setup(self) -> None:
        self._links = settings.load_links(Env())

    def get_dependency(self, worker_ctx: Any) -> Links:
        return self._links


class Throttling(DependencyProvider):
    """The process's `Throttle`."""

    def setup(self) -> None:
        self._throttle = settings.load_throttle(Env())

    def get_dependency(self, worker_ctx: Any) -> Throttle:
        return self._throttle


class Mail(DependencyProvider):
    """Sends mails while the service runs; calls `wake` it when they have written one."""

    def setup(self) -> None:
        env = Env()
        post = settings.load_post(env, tpool.execute)
        if post is None:
            log.warning("mail.nowhere_to_go", needed="SMTP_URL or MAIL_FOLDER")
            self._worker = MailWorker(lambda: False, lambda: None)
            return
        mailroom = Mailroom(self.container.config["DATABASE"], settings.load_links(env), post)
        self._worker = MailWorker(mailroom.send_next, mailroom.rest)

    def start(self) -> None:
        self._running = eventlet.spawn(self._worker.run)

    def stop(self) -> None:
        self._worker.stop()
        self._running.wait()

    def get_dependency(self, worker_ctx: Any) -> MailWorker:
        return self._worker


def give_back_large_blocks() -> None:
    """Makes glibc return each hash's 19 MB to the system instead of keeping it, once per thread, for the next."""
    with contextlib.suppress(AttributeError, OSError):  # another C library has no such habit
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 20)
