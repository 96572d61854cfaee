"""The public JSON shapes: what the OpenAPI document says of them, and which fields a request may name."""
