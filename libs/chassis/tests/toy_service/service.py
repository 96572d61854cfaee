import gc
import time
import uuid

from amqp import spec

from chassis.batches import first_deliveries, on_events
from chassis.consumer import on_event
from chassis.context import current, current_actor, current_operation
from chassis.errors import KINDS, FieldError, Unavailable
from chassis.queue_reader import QueueReader
from chassis.rpc.places import stepped_aside
from chassis.rpc.server import rpc
from chassis.service import ServiceBase
from toy_service.storage import arrivals, things

FAILURES: dict[uuid.UUID, int] = {}


class Service(ServiceBase):
    name = "toy"

    @classmethod
    def waiting_room(cls):
        return 20

    @rpc
    def make_thing(self, label, event=None, subject="one", number=0, pause=0):
        operation = current_operation()
        organization_id = current_actor().organization_id
        with self.database.unit_of_work(organization_id) as uow:
            if (done := uow.replay(operation)) is not None:
                return done
            uow.execute(things.insert(), {"organization_id": organization_id, "label": label})
            time.sleep(pause)
            if event:
                uow.publish(event, subject=subject, data={"number": number})
            result = {"label": label}
            uow.record(operation, result)
            uow.commit()
        return result

    @rpc
    def fail(self, kind, code):
        raise KINDS[kind](code, "Because.", errors=[FieldError("/kind", "x")], data={"more": [1]})

    @rpc
    def break_down(self):
        raise ZeroDivisionError("a secret of the inside")

    @rpc
    def say_who(self):
        call = current()
        actor = call.actor
        return {
            "request_id": call.request_id,
            "traceparent": call.traceparent,
            "user_id": str(actor.user_id) if actor else None,
            "roles": sorted(actor.roles) if actor else None,
        }

    @rpc
    def ask_other(self):
        return self.neighbours.call("other", "tell")

    @rpc
    def answer_nonsense(self):
        return object()

    @rpc
    def wait(self, pause):
        time.sleep(pause)
        return "waited"

    @rpc
    def hold_up(self, pause):
        """Computes without giving way."""
        until = time.monotonic() + pause
        while time.monotonic() < until:
            pass
        return "held up"

    @rpc
    def lose_consumers(self, for_good=False):
        """Does to the process what a defect might: the broker forgets its consumers, and it does not notice."""
        if for_good:
            QueueReader._consume = lambda reader: None
        for reader in [one for one in gc.get_objects() if isinstance(one, QueueReader)]:
            if reader.is_consuming:
                arguments = (reader._tag, True)
                reader._channel.send_method(spec.Basic.Cancel, "sb", arguments)

    @rpc
    def wait_aside(self, pause, fails=False):
        with stepped_aside():
            time.sleep(pause)
            if fails:
                raise Unavailable("toy.aside", "Not now.")
        return "waited aside"

    @on_event("toy", "thing_made")
    def on_toy_thing_made(self, event):
        self._note(event)

    @on_event("other", "thing_done")
    def on_other_thing_done(self, event):
        failed = FAILURES.get(event.id, 0)
        if failed < event.data.get("fails", 0):
            FAILURES[event.id] = failed + 1
            raise Unavailable("other.down", "Not now.")
        if failed < event.data.get("breaks", 0):
            FAILURES[event.id] = failed + 1
            raise ZeroDivisionError("a bug that comes once")
        self._note(event)

    @on_events("other", "thing_counted", prefetch=40)
    def on_other_thing_counted(self, events):
        for organization_id in {event.organization_id for event in events}:
            ours = [event for event in events if event.organization_id == organization_id]
            with self.database.unit_of_work(organization_id) as uow:
                first = first_deliveries(uow, ours, "on_other_thing_counted")
                for event in first:
                    if event.data.get("fails"):
                        raise ZeroDivisionError("a bad event")
                    row = {
                        "organization_id": event.organization_id,
                        "event_id": event.id,
                        "subject": f"batch of {len(events)}",
                        "number": event.data["number"],
                    }
                    uow.execute(arrivals.insert(), row)
                uow.commit()

    def _note(self, event):
        with self.database.unit_of_work(event.organization_id) as uow:
            if not uow.is_first_delivery(event, f"on_{event.source}_{event.name}"):
                return
            row = {
                "organization_id": event.organization_id,
                "event_id": event.id,
                "subject": event.subject,
                "number": event.data["number"],
            }
            uow.execute(arrivals.insert(), row)
            uow.commit()
