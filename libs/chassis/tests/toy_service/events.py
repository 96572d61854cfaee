from marshmallow import fields, validate

from chassis.events import Contract, Published, Subscription
from chassis.fields import Moment, StrictSchema, Text


class Part(StrictSchema):
    """A piece of a thing."""

    id = fields.UUID(required=True)
    size = fields.Integer(validate=validate.Range(min=1, max=9))


class Thing(StrictSchema):
    """A thing.

    This line stays out of the description.
    """

    number = fields.Integer(required=True)
    label = Text(max=20)
    kind = fields.String(validate=validate.OneOf(["round", "square"]), allow_none=True)
    made_at = Moment(allow_none=True)
    parts = fields.List(fields.Nested(Part), validate=validate.Length(max=3))
    first_part = fields.Nested(Part, allow_none=True)


CONTRACT = Contract(
    service="toy",
    publishes=(
        Published("thing_made", Thing, "A thing was made.", required=True),
        Published("thing_lost", Thing, "Nobody subscribes, though somebody must.", required=True),
        Published("rumour_spread", Thing, "Nobody has to subscribe."),
    ),
    subscribes=(
        Subscription("toy", "thing_made"),
        Subscription("other", "thing_done"),
        Subscription("other", "thing_counted"),
    ),
)
