"""How gunicorn runs the gateway: `gunicorn -c python:gateway.gunicorn_conf 'gateway.app:create_app()'`."""

from __future__ import annotations

from typing import Any

from environs import Env

_env = Env()

bind = f"{_env.str('HOST', '0.0.0.0')}:{_env.int('PORT', 8080)}"  # noqa: S104 - in a container all addresses # nosec B104
workers = _env.int("GATEWAY_PROCESSES", 1)
threads = _env.int("GATEWAY_THREADS", 80)
worker_class = "gateway.worker.Worker"
# A stuck process is replaced; a stuck request is not stuck: it has a deadline of its own.
timeout = 30
graceful_timeout = _env.int("GRACE_SECONDS", 20)
# Longer than a load balancer keeps idle connections, so that it is never we who close one just being used.
keepalive = 75
worker_connections = 2000
limit_request_line = 8190
# Heartbeat files on a disk can stall a worker.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - gunicorn makes its files with mkstemp # nosec B108
# Its path is one per user, so that two gateways would fight for it; signals do all we need.
control_socket_disable = True
# gunicorn's own lines go where the application's go, in the same form.
logconfig_dict: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "root": {"level": "WARNING", "handlers": []},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
        "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
    },
}


def on_starting(_server: Any) -> None:
    """Sets up logs in the arbiter."""
    from chassis import logs
    from gateway.settings import load_settings

    settings = load_settings()
    logs.configure(settings.log_level, service="gateway", instance=settings.instance)


def post_worker_init(worker: Any) -> None:
    """Connects before the first request rather than in it."""
    import structlog

    from chassis.time_zones import data_version

    worker.wsgi.parts.start()
    structlog.get_logger().info("gateway.started", time_zone_data=data_version())


def worker_exit(_server: Any, worker: Any) -> None:
    """Closes the process's connections."""
    if hasattr(worker.wsgi, "parts"):
        worker.wsgi.parts.close()
