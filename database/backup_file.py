"""The one file of a backup: a tar with what pg_dump wrote, and a manifest that says what must come out of it."""

import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import OperatorError

FORMAT = 1
DUMP, MANIFEST = "desk.dump", "manifest.json"
_CHUNK = 1 << 20


class BackupError(OperatorError):
    """A backup cannot be written, read or restored; the message says why and what to do."""


class TableSum(BaseModel):
    """The rows of one table, and the checksum of what is in them (see migration 0020)."""

    model_config = ConfigDict(frozen=True)

    rows: int
    checksum: str


class Manifest(BaseModel):
    """What a backup holds. `key` is a keyed hash that tells the SECRET_KEY of the desk from another."""

    model_config = ConfigDict(frozen=True)

    format: int
    product: str
    migration: int
    server: str
    server_major: int
    tools: str
    tools_major: int
    taken_at: datetime
    key: str
    dump_sha256: str
    answered_before: datetime | None = None
    tables: dict[str, TableSum]

    @property
    def rows(self) -> int:
        """All rows of all tables."""
        return sum(table.rows for table in self.tables.values())


class BackupWriter:
    """Writes the file of a dump whose size nobody knows before its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = sha256()
        self.size = 0
        file.write(bytes(tarfile.BLOCKSIZE))  # the header of the dump, which has its size

    def add(self, chunk: bytes) -> None:
        """The next bytes of the dump."""
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size += len(chunk)

    @property
    def digest(self) -> str:
        """The SHA-256 of the dump so far, in hexadecimal."""
        return self._hash.hexdigest()

    def finish(self, manifest: Manifest) -> None:
        """Close the dump, and put the manifest behind it."""
        self._file.write(bytes(-self.size % tarfile.BLOCKSIZE))
        self._file.seek(0)
        self._file.write(_describe(DUMP, self.size, manifest).tobuf(tarfile.GNU_FORMAT))
        self._file.seek(0, os.SEEK_END)
        text = manifest.model_dump_json(indent=2).encode()
        self._file.write(_describe(MANIFEST, len(text), manifest).tobuf(tarfile.GNU_FORMAT))
        self._file.write(text + bytes(-len(text) % tarfile.BLOCKSIZE) + bytes(2 * tarfile.BLOCKSIZE))


@contextmanager
def write_whole(path: Path) -> Iterator[BinaryIO]:
    """A file that only this user can read, and that is there whole or not at all.

    Raises BackupError if it is there, or cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    if path.exists():
        raise BackupError(f"{path} is there already, and is not overwritten; choose another name")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BackupError(f"{part} is there: another backup writes it, or one was killed; then delete it") from None
    except OSError as error:
        raise BackupError(f"{part} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o600)
            yield file
            file.flush()
            os.fsync(handle)
        _publish(part, path)
    except (ConnectionError, TimeoutError):  # of the database, which the block reads from
        raise
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def open_backup(path: Path) -> Iterator[tuple[Manifest, BinaryIO]]:
    """The manifest, and the dump to be read once. Raises BackupError for what is not a whole backup."""
    try:
        with tarfile.open(path, "r:") as archive:
            manifest = _read_manifest(archive, path)
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}") from None
    except (tarfile.TarError, KeyError, ValidationError, EOFError):
        raise BackupError(f"{path} is not a whole backup of Nightdesk") from None
    with tarfile.open(path, "r:") as archive:  # what the block raises is not about the file
        yield manifest, _open_member(archive, DUMP)


def copy(source: BinaryIO, sink: BinaryIO, on_bytes: Callable[[int], None]) -> None:
    """Everything, piece by piece. A reader that ends early is not our error: it says itself what is wrong."""
    with suppress(BrokenPipeError), sink:
        while chunk := source.read(_CHUNK):
            sink.write(chunk)
            on_bytes(len(chunk))


def _describe(name: str, size: int, manifest: Manifest) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(manifest.taken_at.timestamp())
    return member


def _read_manifest(archive: tarfile.TarFile, path: Path) -> Manifest:
    manifest = Manifest.model_validate_json(_open_member(archive, MANIFEST).read())
    if manifest.format != FORMAT:
        raise BackupError(f"{path} has format {manifest.format}; this version of Nightdesk reads {FORMAT}")
    if _hash(_open_member(archive, DUMP)) != manifest.dump_sha256:
        raise BackupError(f"{path} is damaged: its dump is not what was written")
    return manifest


def _open_member(archive: tarfile.TarFile, name: str) -> BinaryIO:
    return archive.extractfile(name) or BytesIO()  # type: ignore[return-value]  # typed as the IO that it wraps


def _hash(file: BinaryIO) -> str:
    digest = sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _publish(part: Path, path: Path) -> None:
    try:
        os.link(part, path)  # unlike a renaming, never over a file that came meanwhile
    except FileExistsError:
        raise BackupError(f"{path} came while the backup was taken, and is not overwritten") from None
    except OSError:  # a file system without hard links, such as a network share
        part.rename(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # nor can folders be synchronised everywhere
            os.fsync(handle)
    finally:
        os.close(handle)
