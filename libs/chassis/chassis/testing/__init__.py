"""Test helpers that are part of the product: real service processes, fake neighbours, bounded waiting.

Needs `AMQP_URL` and `DATABASE_URL` (a superuser's); `bin/test` provides both. The queues of a service under test are
deleted first, so never point these at a system in use.
"""

from chassis.testing.listener import listener
from chassis.testing.neighbours import FakeNeighbour
from chassis.testing.people import actor
from chassis.testing.processes import ServiceProcess
from chassis.testing.waiting import wait_until

__all__ = ["FakeNeighbour", "ServiceProcess", "actor", "listener", "wait_until"]
