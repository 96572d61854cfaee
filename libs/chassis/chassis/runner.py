"""Runs one service as one process: waits for its servers, serves, drains on SIGTERM, ends.

Started by `python -m chassis run <package>`, which patches with eventlet before anything else is imported.
"""

from __future__ import annotations

import importlib
import os
import signal
import threading
import time
from typing import Any

import eventlet
import structlog
from nameko.containers import ServiceContainer

from chassis import health, logs
from chassis.bus import BusConsumer
from chassis.config import Settings, load_settings
from chassis.confirmed import ConfirmedPublisher
from chassis.connections import RECOVERABLE, opened
from chassis.consumer_counts import ConsumerCounts
from chassis.consumer_watch import ConsumerWatch
from chassis.database import SYSTEM, Database
from chassis.errors import ServiceError, Unavailable
from chassis.event_loop import LoopWatch
from chassis.events import Contract
from chassis.prepare import contract_of
from chassis.relay import Relay, prune
from chassis.rpc.client import RpcClient
from chassis.signing import ActorSigner, ActorVerifier
from chassis.time_zones import data_version

log = structlog.get_logger()

PRUNE_SECONDS = 600
NOT_READY: tuple[type[BaseException], ...] = (*RECOVERABLE, ServiceError)


def run(package: str) -> None:
    """Serves `<package>.service:Service` until SIGTERM or SIGINT."""
    settings = load_settings()
    contract = contract_of(package)
    logs.configure(settings.log_level, service=contract.service, instance=settings.instance)
    process = Process(package, settings, contract)
    eventlet.spawn(LoopWatch(settings.stall_seconds).run)
    address = (settings.http_host, settings.http_port)
    eventlet.spawn(health.serve, *address, process.checks(), process.check_alive)
    process.wait_for_servers()
    process.serve()


class Process:
    """The parts of a service process and their order."""

    def __init__(self, package: str, settings: Settings, contract: Contract) -> None:
        self._settings = settings
        self._database = Database(
            settings.database_url,
            service=contract.service,
            connections=settings.database_connections,
        )
        signer = ActorSigner(settings.signing_key) if settings.signing_key else None
        self._rpc_client = RpcClient(settings.amqp_url, name=contract.service, signer=signer)
        self._relay = Relay(self._database, contract, ConfirmedPublisher(settings.amqp_url))
        self._database.after_commit = self._relay.wake
        service_class = importlib.import_module(f"{package}.service").Service
        self._container = ServiceContainer(
            service_class, self._config(contract, service_class.waiting_room())
        )
        self._consumers = [e for e in self._container.extensions if isinstance(e, BusConsumer)]
        self._watch = ConsumerWatch(
            ConsumerCounts(settings.amqp_url),
            self._consumers,
            patience=settings.unconsumed_seconds,
            end=self._end_hopeless,
        )
        self._stop = threading.Event()
        self._serving = False

    def _config(self, contract: Contract, waiting_room: int) -> dict[str, Any]:
        settings = self._settings
        # Each call is a worker, at work or aside; one more each while the next starts within the end of the one before.
        workers = 2 * settings.rpc_workers + waiting_room
        return {
            "AMQP_URI": settings.amqp_url,
            "heartbeat": 10,
            "max_workers": workers + 8 * max(len(contract.subscribes), 1),
            "RPC_WORKERS": settings.rpc_workers,
            "WAITING_ROOM": waiting_room,
            "DEADLINE_SECONDS": settings.deadline_seconds,
            "ACTORS": ActorVerifier(settings.verifying_keys),
            "CONTRACT": contract,
            "EVENT_LOG_DAYS": settings.event_log_days,
            "DATABASE": self._database,
            "RPC_CLIENT": self._rpc_client,
        }

    def checks(self) -> dict[str, health.Check]:
        """What readiness rests on."""
        return {
            "service": self._check_serving,
            "database": self._database.ping,
            "queues": self._check_queues,
            "broker": self._watch.check_broker,
            "consumers": self._watch.check_consumers,
        }

    def check_alive(self) -> None:
        """Passes unless only a restart can help."""
        if self._serving:
            self._watch.check_alive()

    def _check_serving(self) -> None:
        if not self._serving:
            raise Unavailable("service.starting", "Not serving.")

    def _check_queues(self) -> None:
        if missing := [name for one in self._consumers for name in one.missing_queues()]:
            raise Unavailable("service.queue_missing", f"There is no queue {missing[0]}.")

    def wait_for_servers(self) -> None:
        """Returns when broker and database answer, however long that takes."""
        while True:
            try:
                self._database.ping()
                with opened(self._settings.amqp_url):
                    return
            except NOT_READY as error:
                log.warning("service.waiting", error=str(error)[:200])
                time.sleep(0.5)

    def serve(self) -> None:
        """Starts everything, waits for a signal, drains within the grace period."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        relay = eventlet.spawn(self._relay.run)
        eventlet.spawn(self._prune_for_ever)
        self._container.start()
        watch = eventlet.spawn(self._watch.run)
        self._serving = True
        log.info("service.started", time_zone_data=data_version())
        death = eventlet.spawn(self._container.wait)
        death.link(lambda _: self._stop.set())
        self._stop.wait()
        self._serving = False
        if death.dead:
            log.critical("service.died")
            os._exit(1)
        watch.kill()
        self._drain(relay)

    def _drain(self, relay: Any) -> None:
        log.info("service.draining")
        watchdog = eventlet.spawn_after(self._settings.grace_seconds, self._end_hard)
        self._container.stop()
        self._relay.stop()
        relay.wait()
        self._rpc_client.close()
        self._database.close()
        watchdog.cancel()
        log.info("service.stopped")

    def _end_hopeless(self) -> None:
        """Leaves no time to a drain, which would wait for messages that nobody delivers."""
        os._exit(1)

    def _end_hard(self) -> None:
        log.error("service.grace_exceeded")
        os._exit(1)

    def _prune_for_ever(self) -> None:
        while True:
            time.sleep(PRUNE_SECONDS)
            try:
                self._prune()
            except Exception:
                log.exception("service.prune_failed")

    def _prune(self) -> None:
        deleted = 5_000
        while deleted == 5_000:
            with self._database.unit_of_work(SYSTEM) as uow:
                deleted = prune(
                    uow,
                    event_log_days=self._settings.event_log_days,
                    operation_days=self._settings.operation_days,
                )
                uow.commit()
