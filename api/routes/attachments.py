"""Files that came with messages: to staff with a key, and to the customer of their ticket."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api.access import OpenTicket, allow
from api.audit import AuditDep
from api.desk import Desk, DeskDep
from api.problems import Problem
from channels.media import SAFE_TYPES, UNKNOWN, is_inline
from database.queries.attachments import find_attachment

router = APIRouter(tags=["attachments"])

_NOT_FOUND = "There is no such file."
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file; one whose type is not known to be harmless as bytes",
        "content": {name: {"schema": {"type": "string", "format": "binary"}} for name in sorted(SAFE_TYPES)},
    }
}


@router.get(
    "/attachments/{file_id}",
    dependencies=[Depends(allow("tickets:read"))],
    response_class=Response,
    responses=_FILE,
)
async def read_attachment(file_id: UUID, desk: DeskDep, audit: AuditDep) -> Response:
    """The content of one file."""
    found = await _find(desk, file_id)
    async with desk.pool.acquire() as conn:
        await audit.record_read(conn, "attachment.read", "attachment", file_id)
    return await _serve(desk, found)


@router.get("/support/ticket/{ref}/attachments/{file_id}", response_class=Response, responses=_FILE)
async def read_ticket_attachment(file_id: UUID, ref: OpenTicket, desk: DeskDep) -> Response:
    """The content of one file of this ticket."""
    found = await _find(desk, file_id)
    if found["ticket_ref"] != ref:
        raise Problem(404, _NOT_FOUND)
    return await _serve(desk, found)


async def _find(desk: Desk, file_id: UUID) -> dict[str, Any]:
    async with desk.pool.acquire() as conn:
        found = await find_attachment(conn, file_id)
    if found is None:
        raise Problem(404, _NOT_FOUND)
    return found


async def _serve(desk: Desk, found: dict[str, Any]) -> Response:
    if found["problem"] is not None:
        raise Problem(410, f"This file is not to be had: {found['problem']}")
    content = None if found["digest"] is None else await desk.files.get(found["digest"])
    if content is None:
        raise Problem(404, "This file is still being fetched; try again in a moment.", headers={"Retry-After": "5"})
    # Looked at again here: whatever brought it in may have believed its sender.
    content_type = found["content_type"] if found["content_type"] in SAFE_TYPES else UNKNOWN
    disposition = "inline" if is_inline(content_type) else "attachment"
    headers = {
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(found['name'], safe='')}",
        # Whatever a stranger sent, it runs nothing and reads nothing of ours.
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return Response(content, media_type=content_type, headers=headers)
