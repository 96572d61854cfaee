"""Identity's entrypoints for signing up, in and out, for invitations and for passwords."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chassis import context
from chassis.context import Operation
from chassis.fields import load
from chassis.mail.worker import MailWorker
from chassis.rpc.server import rpc
from identity_service import schemas, sign_in_schemas
from identity_service.audit_service import AuditService
from identity_service.domain.links import Links
from identity_service.domain.throttle import Throttle
from identity_service.domain.tokens import Tokens
from identity_service.providers import (
    LinkMaker,
    Mail,
    PasswordHashing,
    Throttling,
    TokenMaker,
)
from identity_service.use_cases import (
    invitations,
    organizations,
    own_password,
    resets,
    sign_in,
)
from identity_service.use_cases.hashing import Hashing


class SignInService(AuditService):
    """Credentials and tokens."""

    tokens: Tokens = TokenMaker()
    hashing: Hashing = PasswordHashing()
    links: Links = LinkMaker()
    throttle: Throttle = Throttling()
    mail: MailWorker = Mail()

    def sealed_operation(self) -> Operation:
        """The call's operation when its arguments hold a secret: its stored fingerprint must not help to guess it."""
        operation = context.current_operation()
        return replace(operation, fingerprint=self.tokens.seal(operation.fingerprint))

    @rpc
    def create_organization(self, **payload: Any) -> dict[str, Any]:
        """Signs an organization up and its owner in."""
        arguments = load(schemas.CreateOrganizationSchema, payload)
        return organizations.create_organization(
            self.database, self.tokens, self.hashing, arguments, self.sealed_operation()
        )

    @rpc
    def authenticate(self, **payload: Any) -> dict[str, Any]:
        """Signs a person in."""
        arguments = load(sign_in_schemas.AuthenticateSchema, payload)
        return sign_in.authenticate(
            self.database,
            self.tokens,
            self.hashing,
            self.throttle,
            arguments,
            self.sealed_operation(),
        )

    @rpc
    def accept_invitation(self, **payload: Any) -> dict[str, Any]:
        """Sets an invited person's first password and signs them in."""
        arguments = load(sign_in_schemas.LinkSchema, payload)
        return invitations.accept_invitation(
            self.database,
            self.tokens,
            self.hashing,
            self.links,
            arguments,
            self.sealed_operation(),
        )

    @rpc
    def forgot_password(self, **payload: Any) -> dict[str, Any]:
        """Mails a link to choose a new password, if there is somebody; the answer is the same if not."""
        arguments = load(sign_in_schemas.ForgotPasswordSchema, payload)
        result = resets.forgot_password(
            self.database, self.throttle, self.links, arguments, self.sealed_operation()
        )
        self.mail.wake()
        return result

    @rpc
    def reset_password(self, **payload: Any) -> None:
        """Sets a new password by a mailed link."""
        arguments = load(sign_in_schemas.LinkSchema, payload)
        resets.reset_password(
            self.database, self.hashing, self.links, arguments, self.sealed_operation()
        )
        self.mail.wake()

    @rpc
    def invite_user(self, **payload: Any) -> dict[str, Any]:
        """Sends one person an invitation."""
        user_id = load(schemas.UserIdSchema, payload)["user_id"]
        user = invitations.invite_user(
            self.database,
            self.links,
            context.current_actor(),
            user_id,
            context.current_operation(),
        )
        self.mail.wake()
        return user

    @rpc
    def invite_users(self, **payload: Any) -> dict[str, Any]:
        """Sends invitations to many, or to all who were held back."""
        user_ids = load(sign_in_schemas.InviteUsersSchema, payload)["user_ids"]
        result = invitations.invite_users(
            self.database,
            self.links,
            context.current_actor(),
            user_ids,
            context.current_operation(),
        )
        self.mail.wake()
        return result

    @rpc
    def refresh(self, **payload: Any) -> dict[str, Any]:
        """New tokens for a refresh token."""
        token = load(sign_in_schemas.RefreshSchema, payload)["refresh_token"]
        return sign_in.refresh(self.database, self.tokens, token, self.sealed_operation())

    @rpc
    def revoke(self, **payload: Any) -> None:
        """Signs out."""
        token = load(sign_in_schemas.AccessTokenSchema, payload)["access_token"]
        sign_in.revoke(self.database, token)

    @rpc
    def verify_token(self, **payload: Any) -> dict[str, Any]:
        """Who an access token belongs to."""
        token = load(sign_in_schemas.AccessTokenSchema, payload)["access_token"]
        return sign_in.verify_token(self.database, token)

    @rpc
    def change_password(self, **payload: Any) -> dict[str, Any]:
        """Sets the actor's own password, and changes what else is to be changed with it."""
        arguments = load(sign_in_schemas.ChangePasswordSchema, payload)
        user = own_password.change_password(
            self.database,
            self.hashing,
            self.throttle,
            context.current_actor(),
            arguments,
            self.sealed_operation(),
        )
        self.mail.wake()
        return user
