"""How soon a backlog of events is sent when the broker is within reach again."""

from __future__ import annotations

import time

from chaos.proxy import Weather
from chaos.system import BROKER, ChaosSystem

EVENTS = 10_000
LONGEST_SECONDS = 60.0
INSERT = """
    INSERT INTO outbox (event_id, organization_id, name, subject, body)
    SELECT fresh.id, organization, 'session_completed', fresh.id::text,
           jsonb_build_object(
               'specversion', '1.0', 'id', fresh.id, 'source', 'tandem/booking', 'subject', fresh.id::text,
               'type', 'tandem.booking.session_completed.v1', 'time', now(), 'datacontenttype', 'application/json',
               'organizationid', organization, 'data', '{}'::jsonb)::text
      FROM (SELECT gen_random_uuid() AS organization) AS owner,
           (SELECT gen_random_uuid() AS id FROM generate_series(1, %s)) AS fresh
"""
UNSENT = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"


def measured(system: ChaosSystem) -> int:
    """Prints the seconds; 1 when they are more than 60."""
    proxies = [system.proxies[name, BROKER] for name in system.copies_of("booking")]
    first, second = proxies
    away = Weather(takes_connections=False)
    with first.having(away), second.having(away):
        for proxy in proxies:
            proxy.cut()
        system.sql("booking", INSERT, (EVENTS,))
        waiting = unsent(system)
    began = time.monotonic()
    while unsent(system) and time.monotonic() < began + 2 * LONGEST_SECONDS:
        time.sleep(0.1)
    seconds = time.monotonic() - began
    print(f"{waiting:,} waiting events were sent within {seconds:.1f} s", flush=True)
    return 0 if seconds <= LONGEST_SECONDS and waiting >= EVENTS else 1


def unsent(system: ChaosSystem) -> int:
    """Events that wait in booking's outbox."""
    return int(system.sql("booking", UNSENT)[0][0])
