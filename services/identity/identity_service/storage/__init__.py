"""Identity's tables and queries. Every query names the organization itself, although row level security does too."""

from identity_service.storage import audit_tables, sign_in_tables
from identity_service.storage.tables import metadata

__all__ = ["audit_tables", "metadata", "sign_in_tables"]
