from chassis.migrations import run_environment
from import_service.storage import metadata

run_environment(metadata)
