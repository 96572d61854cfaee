"""The mails that identity writes under test."""

from chassis.testing.mailbox import Mailbox, read, text_of, token_in

__all__ = ["Mailbox", "read", "text_of", "token_in"]
