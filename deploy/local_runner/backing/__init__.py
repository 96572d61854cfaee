"""RabbitMQ and PostgreSQL for one system: given by address, in containers, or private instances of the installed programs."""
