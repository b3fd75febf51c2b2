"""A throw-away PostgreSQL server for one benchmark."""

import contextlib
import glob
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import urllib.parse

# Programs of PostgreSQL that distributions keep out of PATH.
FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)

# Nobody needs the data after a power failure. Statistics are gathered when the
# benchmark says so, not at a moment of the server's choice.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_locks_per_transaction": "1024",
    "autovacuum": "off",
    "log_line_prefix": "%d ",
    "timezone": "UTC",
}


def program(name):
    """The path of one of PostgreSQL's programs; the newest that the system has."""
    folders = (folder for pattern in FOLDERS for folder in glob.glob(pattern))
    newest = sorted(folders, key=_version, reverse=True)
    for folder in newest:
        if os.access(os.path.join(folder, name), os.X_OK):
            return os.path.join(folder, name)
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"error: PostgreSQL's `{name}` is not installed")
    return found


def _version(folder):
    digits = "".join(c if c.isdigit() else " " for c in folder).split()
    return int(digits[-1]) if digits else 0


class Server:
    """Reached by a socket in a folder of its own, so nobody else can."""

    def __init__(self, folder):
        self.folder = folder

    def url(self, database, driver="postgresql"):
        query = urllib.parse.urlencode({"host": self.folder, "user": "postgres"})
        return f"{driver}:///{database}?{query}"

    def pid(self):
        """The process that all others of the server descend from."""
        with open(os.path.join(self.folder, "data", "postmaster.pid"), encoding="ascii") as file:
            return int(file.readline())

    def sql(self, database, text):
        """Runs statements and returns what the last one said."""
        command = [program("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", self.url(database)]
        done = subprocess.run(command, input=text, text=True, check=True, capture_output=True)
        return done.stdout.strip()

    def create(self, database):
        self.sql("postgres", f'create database "{database}"')
        return self.url(database)

    def log_of(self, database, command):
        """Runs a command, and returns what the server logs of its statements."""
        self.sql("postgres", f'alter database "{database}" set log_statement = \'all\'')
        log = pathlib.Path(self.folder, "log")
        before = log.stat().st_size
        # Its exit status is not of interest here.
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        with log.open("rb") as lines:
            lines.seek(before)
            logged = lines.read().decode(errors="replace")
        self.sql("postgres", f'alter database "{database}" reset log_statement')
        return logged

    def statements(self, database, command):
        """Runs a command, and counts what the server executes for it."""
        heads = (f"{database} LOG:  statement: ", f"{database} LOG:  execute ")
        logged = self.log_of(database, command)
        return sum(line.startswith(heads) for line in logged.split("\n"))


@contextlib.contextmanager
def server():
    """Starts a server that ends, folder and all, with the block."""
    # Root may not run a server; the system's account for it may.
    account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    identity = {"user": account.pw_uid, "group": account.pw_gid} if account else {}
    # The path of a socket has to be short.
    folder = tempfile.mkdtemp(prefix="bench-pg-", dir="/tmp")
    data = os.path.join(folder, "data")

    def run(*command):
        subprocess.run(
            command, check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **identity
        )

    try:
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        run(program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        options = " ".join(f"-c {name}='{value}'" for name, value in SETTINGS.items())
        options += f" -k {folder}"
        log = os.path.join(folder, "log")
        run(program("pg_ctl"), "start", "-w", "-D", data, "-l", log, "-o", options)
        try:
            yield Server(folder)
        finally:
            run(program("pg_ctl"), "stop", "-w", "-m", "immediate", "-D", data)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
