"""The people who use the system while it is being broken, and the history of what they were told."""

from chaos.clients.crowd import Crowd

__all__ = ["Crowd"]
