"""An IMAP server on loopback that says exactly what a test wrote for it, for servers that Dovecot is not.

It answers each command by its name with lines of the script, `{tag}` standing for the command's tag and `{last}` for
that of the command before: DONE has none of its own. A command that the script does not know is answered OK, and
`None` in place of the lines hangs up. An iterator has the lines of each time.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager

Script = Mapping[str, Sequence[str] | Iterator[Sequence[str]] | None]

_USUAL: Script = {
    "CAPABILITY": ["* CAPABILITY IMAP4rev1", "{tag} OK done"],
    "LOGOUT": ["* BYE", "{tag} OK done"],
    "SELECT": ["* 1 EXISTS", "* OK [UIDVALIDITY 7] ok", "* OK [UIDNEXT 12] ok", "{tag} OK [READ-WRITE] done"],
}


@asynccontextmanager
async def run_scripted_imap(script: Script, greeting: str = "* OK ready") -> AsyncIterator[int]:
    """The server for the length of the block; yields its port."""
    replies = {**_USUAL, **script}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _say(writer, [greeting])
            if greeting.startswith("* BYE"):
                return
            last = ""
            while line := await reader.readline():
                tag, *words = line.decode().split()
                name = (words[1] if words[0] == "UID" else words[0]) if words else tag
                lines = replies.get(name, ["{tag} OK done"])
                if lines is None:
                    return
                if isinstance(lines, Iterator):
                    lines = next(lines)
                await _say(writer, [text.replace("{tag}", tag).replace("{last}", last) for text in lines])
                last = tag
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def _say(writer: asyncio.StreamWriter, lines: Sequence[str]) -> None:
    writer.write("".join(f"{line}\r\n" for line in lines).encode())
    await writer.drain()
