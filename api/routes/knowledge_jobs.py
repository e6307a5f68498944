"""What the workers do for those who keep the knowledge: they read files that are uploaded, and try questions out.

Both need the models, which this process never loads. So each is a job in the database, and the worker's answer a row.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi import Query as QueryParameter
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import FormData, UploadFile

from api.access import Caller, allow
from api.audit import AuditDep
from api.desk import Desk, DeskDep, WaitedEnough
from api.feed import TooManyStreams
from api.problems import Problem
from api.schemas.knowledge import FileName, SearchResult, SearchTrial, UploadForm, Uploads, UploadState, UploadView
from core.background import wait_briefly
from core.documents import find_fault
from database.notify import JOB_CHANNEL
from database.pool import Conn
from database.queries import articles, jobs, operations
from database.queries.live import SILENT_SECONDS
from database.types import Facts
from database.types.jobs import (
    MAX_UPLOAD_BYTES,
    JobId,
    JobView,
    SearchAnswer,
    SearchRequest,
    UploadAnswer,
    UploadRequest,
)

router = APIRouter(prefix="/knowledge", tags=["knowledge"])

PageSize = Annotated[int, QueryParameter(ge=1, le=100)]
ANSWER_SECONDS = 10.0
_RECHECK_SECONDS = 1.0
_FILE_NAME: TypeAdapter[str] = TypeAdapter(FileName)
_FORM_FIELDS = 8
# The body is read in the route, so that nobody who may not upload makes the server read ten megabytes.
_UPLOAD_BODY: Mapping[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "Markdown, text, HTML or PDF."},
                        "category": {"type": "string", "minLength": 1, "maxLength": 80},
                        "replaces": {"type": "string", "format": "uuid"},
                        "audience": {"type": "string", "enum": ["public", "internal"]},
                        "is_draft": {"type": "boolean"},
                    },
                }
            }
        },
    }
}


@router.post("/uploads", status_code=202, openapi_extra=dict(_UPLOAD_BODY))
async def upload(
    request: Request, desk: DeskDep, audit: AuditDep, caller: Annotated[Caller, Depends(allow("knowledge:write"))]
) -> UploadView:
    """Let a file become an article, or a new revision of the one with the same name and category.

    Answered once the file is stored; a worker reads it. The same file sent twice while it waits is one upload.
    """
    await desk.limits.spend({"upload": str(caller.id)})
    async with request.form(max_files=1, max_fields=_FORM_FIELDS) as form:
        name, content = await _read_file(form)
        said = _read_fields(form)
    wanted = UploadRequest(name=name, asked_by=caller.name, **said.model_dump(exclude={"replaces"}))
    async with desk.pool.acquire() as conn, conn.transaction():
        job_id = await jobs.add_upload(conn, await _complete(conn, wanted, said.replaces), content)
        job = await jobs.find(conn, "upload", job_id)
        facts: Facts = {"replaces": said.replaces, "is_draft": said.is_draft, "audience": said.audience}
        await audit.record(conn, "upload.added", "upload", job_id, after=facts)
    desk.notifier.notify(JOB_CHANNEL)
    return _view(_require(job))


@router.get("/uploads", dependencies=[Depends(allow("knowledge:read"))])
async def list_uploads(
    desk: DeskDep,
    cursor: Annotated[JobId | None, QueryParameter(description="The `next_cursor` of the page before.")] = None,
    limit: PageSize = 50,
) -> Uploads:
    """Uploads of the last thirty days, newest first, with how far each has come."""
    async with desk.pool.acquire() as conn:
        found = await jobs.list_newest(conn, "upload", before=cursor, max_jobs=limit + 1)
    page = found[:limit]
    return Uploads(uploads=[_view(job) for job in page], next_cursor=page[-1].id if len(found) > limit else None)


@router.get("/uploads/{upload_id}", dependencies=[Depends(allow("knowledge:read"))])
async def read_upload(upload_id: JobId, desk: DeskDep) -> UploadView:
    """How far an upload has come. Ask again every second or so until it is `done` or `failed`."""
    async with desk.pool.acquire() as conn:
        return _view(_require(await jobs.find(conn, "upload", upload_id)))


@router.post("/search")
async def try_search(
    body: SearchTrial, desk: DeskDep, caller: Annotated[Caller, Depends(allow("knowledge:read"))]
) -> SearchResult:
    """Search as the agent does, and show what each score is made of. 503 where no worker answers in ten seconds."""
    await desk.limits.spend({"search": str(caller.id)})
    started = time.perf_counter()
    answer = await _ask_worker(desk, SearchRequest(**body.model_dump()))
    return SearchResult(
        **answer.model_dump(exclude={"milliseconds"}),
        search_ms=answer.milliseconds,
        total_ms=(time.perf_counter() - started) * 1000,
    )


async def _read_file(form: FormData) -> tuple[str, bytes]:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise _refuse("file", "a file is required")
    # Some programs send the whole path; what is left of it is the name.
    last = re.split(r"[/\\]", file.filename or "")[-1]
    try:
        name = _FILE_NAME.validate_python(last)
    except ValidationError:
        raise _refuse("file", "its name must have between 1 and 200 characters") from None
    content = await file.read(MAX_UPLOAD_BYTES + 1)
    if len(content) > MAX_UPLOAD_BYTES:
        raise Problem(413, f"The file is larger than {MAX_UPLOAD_BYTES // 2**20} MiB.")
    fault = await asyncio.to_thread(find_fault, name, content)
    if fault is not None:
        raise _refuse("file", fault)
    return name, content


def _read_fields(form: FormData) -> UploadForm:
    fields = {key: value for key, value in form.multi_items() if key != "file" and value != ""}
    try:
        return UploadForm.model_validate(fields)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None


async def _complete(conn: Conn, request: UploadRequest, replaces: UUID | None) -> UploadRequest:
    """The request with what is known of the article that it replaces. Raises Problem 422 where there is none."""
    if replaces is None:
        return request
    article = await articles.view_article(conn, replaces)
    if article is None or article["kind"] != "article":
        raise _refuse("replaces", "there is no such article that a file could replace")
    category = request.category or article["category"]
    return request.model_copy(update={"replaces": article["source"], "category": category})


def _refuse(field: str, message: str) -> Problem:
    detail = "The request is not valid; see errors for each field."
    return Problem(422, detail, errors=[{"field": field, "message": message}])


def _require(job: JobView | None) -> JobView:
    if job is None:
        raise Problem(404, "There is no such upload.")
    return job


def _view(job: JobView) -> UploadView:
    request = UploadRequest.model_validate_json(job.request)
    answer = UploadAnswer.model_validate_json(job.answer) if job.answer else None
    working: UploadState = "reading" if job.total is None else "embedding"
    return UploadView(
        id=job.id,
        name=request.name,
        state=working if job.state == "working" else job.state,
        to_embed=job.total,
        embedded=job.embedded if answer is None else job.total or 0,
        passages=answer.passages if answer else None,
        problem=job.problem,
        article_id=answer.article_id if answer else None,
        is_unchanged=answer is not None and answer.is_unchanged,
        is_draft=answer.is_draft if answer else bool(request.is_draft),
        uploaded_by=request.asked_by,
        created_at=job.created_at,
        finished_at=job.finished_at,
    )


async def _ask_worker(desk: Desk, request: SearchRequest) -> SearchAnswer:
    async with desk.pool.acquire() as conn:
        workers = await operations.list_workers(conn)
        if not any(worker["silent_seconds"] < SILENT_SECONDS for worker in workers):
            raise _no_answer("No worker is running, and without one nothing can be searched.")
        job_id = await jobs.add_search(conn, request)
    desk.notifier.notify(JOB_CHANNEL)
    try:
        with desk.feed.follow(str(job_id)) as changed:
            async with desk.limit_wait(ANSWER_SECONDS):
                job = await _wait(desk, job_id, changed)
    except TooManyStreams:
        raise _no_answer("Too many live connections.") from None
    except WaitedEnough:
        raise _no_answer(f"No worker answered within {ANSWER_SECONDS:g} seconds; they are busy or have died.") from None
    finally:
        async with desk.pool.acquire() as conn:
            await jobs.take_back(conn, "search", job_id)
    if job.answer is None:
        raise _no_answer(job.problem or "The search has failed.")
    return SearchAnswer.model_validate_json(job.answer)


async def _wait(desk: Desk, job_id: JobId, changed: asyncio.Event) -> JobView:
    while True:
        changed.clear()
        async with desk.pool.acquire() as conn:
            job = await jobs.find(conn, "search", job_id)
        if job is not None and job.state in {"done", "failed"}:
            return job
        await wait_briefly(changed, _RECHECK_SECONDS)


def _no_answer(detail: str) -> Problem:
    return Problem(503, detail, headers={"Retry-After": "5"})
