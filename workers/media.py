"""Fetching the files that messages only name: once, within bounds, and by what they really are."""

from channels.base import Channels, MediaRefused, SignInNeeded, VendorAway
from channels.media import sniff
from core.logging import get_logger
from database.files import FileStore
from database.pool import DATABASE_ERRORS, DbPool
from database.queries import attachments
from database.queries.attachments import MissingFile
from database.queue import delay_before_retry

_log = get_logger(__name__)

_MAX_ATTEMPTS = 8


class MediaKeeper:
    """Brings one file at a time from its vendor into the store."""

    def __init__(self, pool: DbPool, files: FileStore, channels: Channels, *, max_bytes: int) -> None:
        self._pool = pool
        self._files = files
        self._channels = channels
        self._max_bytes = max_bytes

    async def keep(self, missing: MissingFile) -> None:
        """Fetch and store one file; what cannot be had is noted with its reason."""
        try:
            await self._keep(missing)
        except DATABASE_ERRORS as error:
            _log.warning("the database is away, the file is fetched again", error=type(error).__name__)
        except Exception as error:  # noqa: BLE001  # its lease ends, and the pump must go on
            _log.exception("a file could not be kept", error=type(error).__name__)

    async def _keep(self, missing: MissingFile) -> None:
        media = self._channels[missing.channel].media
        if media is None or missing.attachment.locator is None:
            await self._give_up(missing, f"no access to the media of {missing.channel} is configured")
            return
        try:
            content = await media.fetch(missing.inbox, missing.attachment, max_bytes=self._max_bytes)
        except MediaRefused as error:
            await self._give_up(missing, str(error))
        except (VendorAway, SignInNeeded) as error:
            await self._try_later(missing, str(error))
        except Exception as error:  # noqa: BLE001  # tried for ever, it would say for ever that it is being fetched
            _log.exception("a file could not be fetched", channel=missing.channel)
            await self._try_later(missing, f"the fetcher broke ({type(error).__name__})")
        else:
            if len(content) > self._max_bytes:
                await self._give_up(missing, "it is larger than what is taken")
                return
            digest = await self._files.put(content)
            kind = sniff(content, missing.attachment.name, missing.attachment.content_type)
            async with self._pool.acquire() as conn:
                await attachments.mark_fetched(conn, missing.id, digest=digest, size=len(content), content_type=kind)

    async def _try_later(self, missing: MissingFile, reason: str) -> None:
        if missing.attempt >= _MAX_ATTEMPTS:
            await self._give_up(missing, reason)
            return
        async with self._pool.acquire() as conn:
            await attachments.fetch_later(conn, missing.id, delay_seconds=delay_before_retry(missing.attempt, 1.0))

    async def _give_up(self, missing: MissingFile, problem: str) -> None:
        _log.warning("a file is not to be had", channel=missing.channel, reason=problem)
        async with self._pool.acquire() as conn:
            await attachments.mark_missing(conn, missing.id, problem[:300])
