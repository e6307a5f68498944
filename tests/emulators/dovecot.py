"""A real Dovecot on loopback, with a mailbox for every user a test thinks of, all with one password.

Mail is delivered by putting files into its Maildir, as a mail server would; deliver_mail does that from any process.
It can be stopped, killed, started again, and made to forget its index, which changes every UIDVALIDITY.

    python -m tests.emulators.dovecot PORT FOLDER

serves one without TLS on PORT, keeping its mail in FOLDER, until it is told to end. Whoever wants to know what it
holds looks into the Maildir below FOLDER/mail/USER.
"""

import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

from tests.acceptance.processes import find_free_port
from tests.emulators.certificates import Certificate, make_certificate

PASSWORD = 'se"cr\\et'
START_SECONDS = 60
_NOBODY = 65534  # Dovecot serves no mail as root
_numbers = count()

_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate.certificate_file}
ssl_key = <{certificate.key_file}
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%u/Maildir
mail_fsync = never
first_valid_uid = 1
{users}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service imap-login {{
  {jail}
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
# Without this, every refused password makes later sign-ins from here wait for seconds.
service anvil {{
  {jail}
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


def find_missing() -> str | None:
    """Why a real Dovecot cannot be had here, or None if it can."""
    missing = [program for program in ("dovecot", "setpriv") if _find_program(program) is None]
    return f"{' and '.join(missing)} not installed (Debian: dovecot-imapd, util-linux)" if missing else None


class Dovecot:
    """Controls one server. `port` speaks IMAP without TLS, `tls_port` with it, by `certificate`."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or find_free_port()
        self.tls_port = find_free_port()
        self.certificate: Certificate = make_certificate(folder)
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "mail").mkdir(exist_ok=True)
        if os.getuid() == 0:
            _give_away(folder / "mail")
            folder.chmod(0o755)
        (folder / "dovecot.conf").write_text(self._configure())

    def start(self) -> None:
        """Start it unless it runs; returns when it takes connections.

        It ends with the thread that starts it, so that is the main one.
        """
        if self._process is not None:
            return
        program, setpriv = _find_program("dovecot"), _find_program("setpriv")
        assert program
        assert setpriv
        # The kernel ends it with us even if we are killed ourselves.
        command = [setpriv, "--pdeathsig", "TERM", program, "-F", "-c", str(self.folder / "dovecot.conf")]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while not _takes_connections(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text())
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop it as an operator does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Take it away at once."""
        self._end(signal.SIGKILL)

    def deliver(self, user: str, mail: bytes, folder: str = "INBOX") -> Path:
        """Put one mail into a user's mailbox. `folder` is as it is called on the wire."""
        return deliver_mail(self.folder, user, mail, folder)

    def forget_index(self, user: str) -> None:
        """Lose the index of a mailbox, as after a restored backup: all mail is still there, under other UIDs."""
        maildir = find_maildir(self.folder, user)
        for lost in [*maildir.glob("dovecot*"), *maildir.glob(".*/dovecot*")]:
            lost.unlink()
        # Dovecot makes a UIDVALIDITY from the clock, which may not have ticked since the last one.
        listing = maildir / "dovecot-uidlist"
        listing.write_text(f"3 V{int(time.time()) + 1 + next(_numbers)} N1 G{os.urandom(16).hex()}\n")
        _give_away(listing)

    def age_mail(self, user: str, *, days: int) -> None:
        """Make everything a client has seen listed look as if it had come so many days earlier."""
        for file in (find_maildir(self.folder, user) / "cur").iterdir():
            earlier = file.stat().st_mtime - timedelta(days=days).total_seconds()
            os.utime(file, (earlier, earlier))

    def mark_all(self, user: str, flags: str) -> None:
        """Give these Maildir flags to everything a client has seen listed, as another client would."""
        for file in (find_maildir(self.folder, user) / "cur").iterdir():
            file.rename(file.with_name(f"{file.name.partition(':')[0]}:2,{flags}"))

    def delete_all(self, user: str) -> None:
        """Delete everything a client has seen listed, as another client would."""
        for file in (find_maildir(self.folder, user) / "cur").iterdir():
            file.unlink()

    def read_flags(self, user: str) -> dict[str, str]:
        """The Maildir flags of every mail that a client has seen listed, by file name: S is \\Seen, T is \\Deleted."""
        files = (find_maildir(self.folder, user) / "cur").iterdir()
        return {name: flags for name, _, flags in (file.name.partition(":2,") for file in files)}

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.wait()
        # A process that serves a client may go on serving it without its master.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process = None

    def _configure(self) -> str:
        is_root = os.getuid() == 0
        return _CONFIGURATION.format(
            folder=self.folder,
            password=PASSWORD,
            certificate=self.certificate,
            users="" if is_root else _name_ourselves(),
            jail="" if is_root else "chroot =",
            uid=_NOBODY if is_root else os.getuid(),
            gid=_NOBODY if is_root else os.getgid(),
            port=self.port,
            tls_port=self.tls_port,
        )


def find_maildir(server_folder: Path, user: str) -> Path:
    """Where the server that works in this folder keeps a user's mail."""
    return server_folder / "mail" / user / "Maildir"


def deliver_mail(server_folder: Path, user: str, mail: bytes, folder: str = "INBOX") -> Path:
    """Put one mail into a mailbox and return its file.

    It is written aside and moved into place, so that no client ever sees half of it.
    """
    maildir = find_maildir(server_folder, user)
    box = maildir if folder == "INBOX" else maildir / f".{folder}"
    for made in (maildir.parent, maildir, box, *(box / part for part in ("cur", "new", "tmp"))):
        if not made.exists():
            made.mkdir()
            _give_away(made)
    name = f"{time.time():.6f}.{os.getpid()}_{next(_numbers)}.{socket.gethostname()}"
    aside = box / "tmp" / name
    aside.write_bytes(mail)
    _give_away(aside)
    return aside.rename(box / "new" / name)


@contextmanager
def run_dovecot(folder: Path, *, port: int | None = None) -> Iterator[Dovecot]:
    """A server for the length of the block. At its end it is killed: stopping takes it seconds."""
    server = Dovecot(folder, port=port)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _find_program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _takes_connections(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _give_away(path: Path) -> None:
    if os.getuid() == 0:
        os.chown(path, _NOBODY, _NOBODY)


def _name_ourselves() -> str:
    name, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    return f"default_internal_user = {name}\ndefault_internal_group = {group}\ndefault_login_user = {name}"


def main(port: str, folder: str) -> None:
    """Serve until a signal ends us."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with run_dovecot(Path(folder), port=int(port)):
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
