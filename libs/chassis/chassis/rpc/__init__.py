"""RPC over RabbitMQ in Nameko's wire format, with a deadline on both sides."""
