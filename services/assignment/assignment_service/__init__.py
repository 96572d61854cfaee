"""Which instructor may work with which student: assignments, their history, and the decision."""
