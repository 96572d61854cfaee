"""Logins, fresh tokens, and signing out."""

from __future__ import annotations

from chaos.clients.client import Client

# An access token lasts a quarter of an hour.
REFRESH_AFTER_SECONDS = 240.0


def refresh(client: Client) -> None:
    """New tokens in time; an unknown outcome is the end of this login, and another begins."""
    if client.tokens_age < REFRESH_AFTER_SECONDS:
        client.read("get_me", "/me")
        return
    body = {"refresh_token": client.person.refresh_token}
    answer = client.anonymously("refresh", "/auth/refresh", body)
    if answer.is_ok:
        client.person.sign_in(answer.body)
    else:
        client.sign_in()


def sign_in_and_out(client: Client) -> None:
    """Another login beside the one that is used."""
    client.sign_out_of_another_login()
