"""The least that the same stack can do: `python -m benchmarks.noop PORT` serves one route that does nothing.

Request body, response model and server options are those of /support/submit; what is missing is the work.
"""

import sys
from datetime import UTC, datetime

from fastapi import FastAPI, Request, Response

from api.schemas.support import Accepted, Sla, Submission
from api.server import build_server

PATH = "/noop"
RAW_PATH = "/noop-raw"
_ANSWER = Accepted(
    ticket_ref="TF-20261121-0001",
    ticket_token="0" * 64,
    sla=Sla(first_reply_minutes=1440, first_reply_by=datetime(2026, 11, 22, tzinfo=UTC)),
    status_url=f"/support/ticket/TF-20261121-0001?token={'0' * 64}",
)


def create_app() -> FastAPI:
    """The application with its one route."""
    app = FastAPI()

    @app.post(PATH, status_code=202)
    async def do_nothing(body: Submission) -> Accepted:  # noqa: ARG001  # it is parsed and validated, which counts
        return _ANSWER

    @app.post(RAW_PATH)
    async def read_nothing(request: Request) -> Response:
        await request.body()
        return Response()

    @app.get("/health")
    async def read_health() -> dict[str, str]:
        return {"status": "ok"}

    return app


def main() -> None:
    """Serve as the web process does."""
    build_server(create_app(), host="127.0.0.1", port=int(sys.argv[1])).run()


if __name__ == "__main__":
    main()
