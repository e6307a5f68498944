"""The web application. Importing this module opens nothing and loads no model SDK."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api.desk import Desk
from api.edge import CORS, BodyLimit, RequestIds, SecurityHeaders
from api.feed import TicketFeed
from api.figures import Figures
from api.limits import RateLimits, list_policies
from api.measure import Measured
from api.problems import MEDIA_TYPE, install_problem_handlers
from api.proxies import TrustedProxies
from api.routes import (
    api_keys,
    attachments,
    audit,
    auth,
    deliveries,
    desk_settings,
    events,
    feedback,
    health,
    identity,
    knowledge,
    knowledge_jobs,
    metrics,
    pages,
    privacy,
    probe,
    prometheus,
    resolutions,
    staff,
    support,
    ticket_actions,
    tickets,
    users,
    webhooks,
)
from api.schemas.base import ProblemDetails
from api.trace import Traced
from channels.registry import build_channels, list_receivers
from core.background import run_in_background
from core.clock import Clock, read_system_clock
from core.passwords import COST, Passwords
from core.settings import ApiSettings, Settings
from core.telemetry import ApiTelemetry
from core.tracing import Tracing
from core.version import VERSION
from database.files import PostgresFiles
from database.notify import DONE_CHANNEL, TICKET_CHANNEL, Notifier, listen
from database.pool import open_pool
from database.readiness import Readiness
from database.replica import open_reader

# Somebody waits for every answer: better to be told soon to come again than to be kept.
STATEMENT_SECONDS = 3
ACQUIRE_SECONDS = 3.0


def create_app(
    settings: Settings,
    *,
    database_url: str,
    secret_key: str,
    clock: Clock = read_system_clock,
    password_cost: int = COST,
    tracing: Tracing | None = None,
    stopping: asyncio.Event | None = None,
) -> FastAPI:
    """The application, ready for a server; it connects to the database when the server starts it.

    `database_url` leads to the server itself: the pool alone goes through a pooler, if the settings name one. Once
    `stopping` is set the application is not ready any more and its live streams end.
    """
    stopping = stopping or asyncio.Event()
    passwords = Passwords(password_cost)
    telemetry = ApiTelemetry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        statement_seconds = min(STATEMENT_SECONDS, settings.database.statement_timeout_seconds)
        async with (
            open_pool(
                database_url,
                pooler_url=settings.database.pooler_url,
                application="nightdesk api",
                max_size=settings.database.pool_size,
                statement_timeout_seconds=statement_seconds,
                acquire_seconds=ACQUIRE_SECONDS,
            ) as pool,
            open_reader(pool, settings.database.replica_url, statement_timeout_seconds=statement_seconds) as reader,
        ):
            notifier = Notifier(database_url)
            feed = TicketFeed(settings.api.max_streams)
            channels = build_channels(settings)
            app.state.desk = Desk(
                settings=settings,
                secret_key=secret_key,
                pool=pool,
                reader=reader,
                notifier=notifier,
                feed=feed,
                figures=Figures(pool),
                telemetry=telemetry,
                clock=clock,
                files=PostgresFiles(pool),
                channels=channels,
                receivers=list_receivers(channels),
                passwords=passwords,
                limits=RateLimits(pool, list_policies(settings.rate), secret_key),
                readiness=Readiness(pool),
                stopping=stopping,
            )
            wakers = {TICKET_CHANNEL: feed.announce, DONE_CHANNEL: feed.announce}
            following = listen(database_url, wakers, feed.announce_all)
            async with run_in_background(notifier.run(), following, _end_streams(stopping, feed)):
                yield
                await notifier.flush()

    app = FastAPI(
        title="Nightdesk",
        version=VERSION,
        summary="A 24/7 AI customer-support desk on one Postgres.",
        lifespan=lifespan,
        docs_url=None,  # the default page loads its scripts from elsewhere; ours comes with the web build
        redoc_url=None,
        # Its own would export paths, addresses and the words of errors, to the endpoint that is meant for ours.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        redirect_slashes=False,  # the redirection would carry the Host of whoever asked
        responses={"default": {"description": "Any error", "content": {MEDIA_TYPE: {}}, "model": ProblemDetails}},
    )
    _install_edge(app, settings.api, telemetry, tracing or Tracing())
    install_problem_handlers(app)
    # The busiest first: routes are compared with a request one after the other.
    for routes in (
        support,
        webhooks,
        health,
        auth,
        users,
        api_keys,
        tickets,
        ticket_actions,
        resolutions,
        feedback,
        staff,
        probe,
        deliveries,
        identity,
        attachments,
        metrics,
        knowledge,
        knowledge_jobs,
        desk_settings,
        events,
        prometheus,
        audit,
        privacy,
        pages,
    ):
        app.include_router(routes.router)
    pages.mount_assets(app)
    return app


async def _end_streams(stopping: asyncio.Event, feed: TicketFeed) -> None:
    await stopping.wait()
    feed.announce_all()  # everybody looks up, and sees it


def _install_edge(app: FastAPI, settings: ApiSettings, telemetry: ApiTelemetry, tracing: Tracing) -> None:
    """What every request passes, the last one first."""
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.cors_origins, **CORS)
    is_https = (settings.public_url or "").startswith("https://")
    app.add_middleware(SecurityHeaders, is_https=is_https, is_shared=bool(settings.cors_origins))
    app.add_middleware(RequestIds)
    app.add_middleware(TrustedProxies, trusted=settings.trusted_proxies)
    app.add_middleware(Measured, telemetry=telemetry)
    app.add_middleware(Traced, tracing=tracing)
