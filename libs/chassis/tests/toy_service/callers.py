"""What tests of the toy service send it: an event of its neighbour's, and a call of somebody new."""

import time
import uuid
from datetime import UTC, datetime

from chassis import context
from chassis.errors import Unavailable
from chassis.events import Event
from chassis.rpc.client import RpcClient
from chassis.testing import actor, keys
from chassis.testing.servers import amqp_url


def thing_done(organization_id, **data):
    """The other service's event."""
    return Event(
        id=uuid.uuid4(),
        source="other",
        name="thing_done",
        time=datetime.now(UTC),
        subject="one",
        organization_id=organization_id,
        data={"number": 1, **data},
    )


def say_who():
    """The answer to a caller whom no other call has made impatient; None if there is none."""
    client = RpcClient(amqp_url(), name="test", signer=keys.signer())
    with context.bound(context.CallContext(deadline=time.time() + 1, actor=actor())):
        try:
            return client.call("toy", "say_who")
        except Unavailable:
            return None
        finally:
            client.close()
