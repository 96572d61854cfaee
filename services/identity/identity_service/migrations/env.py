from chassis.migrations import run_environment
from identity_service.storage import metadata

run_environment(metadata)
