"""A demo organization with believable data, loaded through the public HTTP API as any client would.

Passwords are generated per run folder; the people's addresses are of domains reserved for examples.
"""

ORGANIZATION = "Northside Tutoring"
ORGANIZATION_SLUG = "northside-tutoring"
OWNER_LOGIN = "olivia.hart@example.org"
