"""What messaging stores, and every query on it."""

from messaging_service.storage.tables import metadata

__all__ = ["metadata"]
