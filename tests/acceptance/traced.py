"""A desk whose two processes export their traces: the web process on a port, a worker, and the vendors around them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass

import httpx

from agent.run import SupportAgent
from api.main import create_app
from core.otlp import export_traces
from core.settings import ApiSettings, OtelSettings, RateSettings, Settings, WorkerSettings
from core.tracing import Tracing
from database.notify import Notifier
from database.pool import DbPool, open_pool
from database.queries.operations import configure_channel
from tests.acceptance.processes import find_free_port
from tests.agent.builders import make_agent
from tests.agent.models.asking import make_brain
from tests.api.service import SECRET_KEY
from tests.channels.whatsapp.twilio_samples import point_at
from tests.emulators.openai.script import Step
from tests.emulators.openai.server import OpenAIServer, serve_openai
from tests.emulators.otlp import Collector, run_collector
from tests.emulators.serving import serve_app
from tests.emulators.twilio import serve_twilio
from tests.emulators.twilio_state import State
from workers.worker import Worker

POLL_SECONDS = 0.1  # nobody notifies the worker here
WAIT_SECONDS = 60


@dataclass
class TracedDesk:
    """Everything that runs; the worker works only within `work_until`."""

    settings: Settings
    database_url: str
    pool: DbPool
    client: httpx.AsyncClient
    twilio: State
    openai: OpenAIServer
    collector: Collector
    tracing: ExitStack
    worker_tracing: Tracing

    @property
    def url(self) -> str:
        """Where vendors and customers reach the web process."""
        return str(self.client.base_url)

    async def receive(self, *texts: str, sender: str = "+15550111", name: str = "Alice") -> None:
        """A customer writes on WhatsApp; returns when the webhooks are answered."""
        messages = [{"From": f"whatsapp:{sender}", "ProfileName": name, "Body": text} for text in texts]
        order = {"url": f"{self.url}/webhooks/whatsapp", "messages": messages}
        async with httpx.AsyncClient(base_url=self.twilio.url) as control:
            (await control.post("/_control/inbound", json=order)).raise_for_status()

    async def work_until(self, sql: str, agent: SupportAgent | None = None) -> None:
        """A worker works until the statement is true, and ends as a process would."""
        async with aclosing(agent or make_agent(brain=make_brain(self.openai))) as thinker:
            worker = Worker(
                self.settings,
                self.database_url,
                self.pool,
                thinker,
                Notifier(self.database_url),
                tracing=self.worker_tracing,
            )
            stop = asyncio.Event()
            working = asyncio.ensure_future(worker.run(stop))
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    while not await self.pool.fetchval(sql):  # noqa: ASYNC110  # the database alone knows
                        await asyncio.sleep(0.02)
            finally:
                stop.set()
                await working

    def export(self) -> Collector:
        """End the processes' tracing, so that everything has arrived."""
        self.tracing.close()
        return self.collector


@asynccontextmanager
async def open_traced_desk(settings: Settings, database_url: str, *steps: Step) -> AsyncIterator[TracedDesk]:
    """A desk on WhatsApp by Twilio and on the web, whose model says these steps."""
    port = find_free_port()
    with ExitStack() as tracing:
        collector = tracing.enter_context(run_collector())
        exports = tracing.enter_context(ExitStack())
        otel = OtelSettings(exporter_otlp_endpoint=collector.url)
        api, worker = (exports.enter_context(export_traces(otel, process=process)) for process in ("api", "worker"))
        async with (
            serve_twilio() as twilio,
            serve_openai(*steps) as openai,
            open_pool(database_url, application="test", max_size=20) as pool,
        ):
            configured = settings.model_copy(
                update={
                    "api": ApiSettings(public_url=f"http://127.0.0.1:{port}"),
                    "rate": RateSettings(limits=False),
                    "twilio": point_at(twilio),
                    "worker": WorkerSettings(poll_seconds=POLL_SECONDS, reconcile_seconds=POLL_SECONDS),
                }
            )
            number = twilio.account.number
            async with pool.acquire() as conn:
                await configure_channel(conn, "whatsapp", number, enabled=None, sets_quiet=True, quiet_seconds=0)
            app = create_app(configured, database_url=database_url, secret_key=SECRET_KEY, tracing=api)
            async with (
                app.router.lifespan_context(app),
                serve_app(app, port=port) as url,
                httpx.AsyncClient(base_url=url) as client,
            ):
                yield TracedDesk(configured, database_url, pool, client, twilio, openai, collector, exports, worker)
