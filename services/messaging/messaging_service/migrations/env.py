from chassis.migrations import run_environment
from messaging_service.storage import metadata

run_environment(metadata)
