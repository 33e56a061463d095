"""``python -m deploy.serverless``: API and engine in one process, on the port that the platform names (Cloud Run)."""

from __future__ import annotations

from aiohttp import web

from api_service.settings import ApiSettings
from deploy.serverless.app import create
from deploy.serverless.settings import ServerlessSettings
from shared import log


def main() -> None:
    """Serve until SIGTERM, then finish what runs; Cloud Run gives ten seconds."""
    settings, api = ServerlessSettings(), ApiSettings()
    log.configure(api, "serverless")
    web.run_app(
        create(settings),
        host=api.host,
        port=settings.serverless_port,
        shutdown_timeout=api.drain_timeout_s,
        access_log=None,
        print=None,
    )


if __name__ == "__main__":
    main()
