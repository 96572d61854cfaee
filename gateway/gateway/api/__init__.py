"""The operations of the public API, a module per subject."""

from gateway.api import (
    assignments,
    audit,
    auth,
    conversations,
    imports,
    me,
    organization,
    people,
    sessions,
)

ROUTES = (
    auth.routes,
    me.routes,
    organization.routes,
    people.routes,
    assignments.routes,
    sessions.routes,
    conversations.routes,
    imports.routes,
    audit.routes,
)
