from toy_service.storage import metadata

from chassis.migrations import run_environment

run_environment(metadata)
