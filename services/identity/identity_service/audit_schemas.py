"""The shapes of the arguments of the RPCs about the audit log."""

from __future__ import annotations

from marshmallow import fields, validate

from chassis.fields import Moment, StrictInteger, StrictSchema, Text
from identity_service.domain.audit import MAX_NUMBER
from identity_service.schemas import page_size


class ListAuditSchema(StrictSchema):
    """Arguments of `list_audit`; `from` is the first moment, `to` the first one after the last."""

    from_ = Moment(data_key="from", load_default=None, allow_none=True)
    to = Moment(load_default=None, allow_none=True)
    action = Text(min=1, max=60, load_default=None, allow_none=True)
    actor_id = fields.UUID(load_default=None, allow_none=True)
    target_id = fields.UUID(load_default=None, allow_none=True)
    limit = page_size()
    cursor = Text(max=1000, load_default=None, allow_none=True)


class ExportAuditSchema(StrictSchema):
    """Arguments of `export_audit`: entries after a number, up to another."""

    after = StrictInteger(load_default=0, validate=validate.Range(min=0, max=MAX_NUMBER))
    up_to = StrictInteger(
        load_default=None, allow_none=True, validate=validate.Range(min=0, max=MAX_NUMBER)
    )
