"""An organization that PostgreSQL's planner does not see, for statements that look up many things of one.

Of an organization that is new since the last ANALYZE the planner expects a single row. It then takes any index that
starts with the organization and reads all of it for each thing that is looked up. A subquery hides the value, so that
it goes by the average. The look-ups must be LATERAL with a LIMIT or OFFSET, which the planner can't merge into a join.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

# For statements in psycopg2's words.
ORGANIZATION: Final = "(SELECT %(organization_id)s::uuid)"


def organization(parameter: str = "organization_id") -> sa.ScalarSelect[Any]:
    """For statements in SQLAlchemy's words."""
    return hidden(sa.bindparam(parameter, type_=sa.Uuid))


def hidden(value: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    """The same value, but the planner doesn't see it."""
    return sa.select(value).scalar_subquery()
