"""RabbitMQ and PostgreSQL for one system: given by address, in containers, or private ones of what is installed."""
