"""What the services do with their core: each use case in the steps of its statements, by the rules of its domain."""
