import sqlalchemy as sa

from chassis import plumbing

metadata = sa.MetaData()
plumbing.add_to(metadata)

things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
)

arrivals = sa.Table(
    "arrivals",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
)
