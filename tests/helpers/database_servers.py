"""Real database servers, each in a folder and on a port of its own; tests skip where their programs are absent."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from dlstudy.cli.serving import free_port


class Database(ABC):
    """A server that can be stopped and started again; it runs as a user of its own where we are root."""

    scheme: str
    user: str
    password, quoted = "pass/w:rd@7%", "pass%2Fw%3Ard%407%25"

    def __init__(self, address="127.0.0.1") -> None:
        self.address = address  # of this machine, where it listens
        self.folder = Path(tempfile.mkdtemp(prefix="dlstudy-test-"))
        self.port = free_port(21_700 + os.getpid() % 1000)
        self.process = None
        self.run_as = {}
        if os.getuid() == 0:
            self.run_as = {"user": self.user, "group": self.user, "extra_groups": []}
            shutil.chown(self.folder, self.user, self.user)
        try:
            self.make()
            self.start()
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def make(self): ...

    @abstractmethod
    def command(self): ...

    def start(self):
        log = self.folder / "log"
        with log.open("ab") as file:
            self.process = subprocess.Popen(self.command(), cwd=self.folder, stdout=file, stderr=file, **self.run_as)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                with create_engine(self.admin_url(), poolclass=NullPool).connect():
                    return
            except Exception:
                assert self.process.poll() is None, log.read_text()
                time.sleep(0.1)
        raise AssertionError(log.read_text())

    def stop(self):
        """At once, its connections with it."""
        self.process.send_signal(signal.SIGINT if self.scheme.startswith("postgres") else signal.SIGKILL)
        self.process.wait()

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *statements, url=None):
        engine = create_engine(url or self.admin_url(), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            rows = [
                found.all() if (found := connection.execute(text(statement))).returns_rows else []
                for statement in statements
            ]
        return rows[-1]

    def url(self, name, password=quoted):
        return f"{self.scheme}://study:{password}@{self.address}:{self.port}/{name}"

    def closed_port(self):
        """A port that nobody serves."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def fresh(self):
        """The URL of a new, empty database."""
        name = f"d{uuid.uuid4().hex[:12]}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)


class Postgres(Database):
    scheme, user = "postgresql+psycopg", "postgres"

    @staticmethod
    def programs():
        found = shutil.which("initdb") or next(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)
        return Path(found).parent if found else None

    def make(self):
        secret = self.folder / "secret"
        secret.write_text(self.password)
        secret.chmod(0o644)
        options = ["-U", "study", "-A", "scram-sha-256", "--pwfile", str(secret), "-E", "UTF8", "--locale=C", "-N"]
        command = [str(self.programs() / "initdb"), "-D", str(self.folder / "data"), *options]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **self.run_as)
        with (self.folder / "data" / "pg_hba.conf").open("a") as file:
            file.write("host all all samenet scram-sha-256\n")

    def command(self):
        program = str(self.programs() / "postgres")
        return [program, "-D", "data", "-k", ".", "-h", self.address, "-p", str(self.port), "-c", "fsync=off"]

    def admin_url(self):
        return self.url("postgres")

    def drop_sessions(self):
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                 "AND backend_type = 'client backend'")  # fmt: skip


class MariaDB(Database):
    scheme, user = "mysql+pymysql", "mysql"

    @staticmethod
    def programs():
        return shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin") and shutil.which("mariadb-install-db")

    def make(self):
        data = f"--datadir={self.folder / 'data'}"
        options = ["--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db"]
        (self.folder / "data").mkdir()
        if self.run_as:
            shutil.chown(self.folder / "data", self.user, self.user)
        command = ["mariadb-install-db", *options]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **self.run_as)
        (self.folder / "first.sql").write_text(
            f"CREATE USER study@'%' IDENTIFIED BY '{self.password}';\nGRANT ALL ON *.* TO study@'%';\n"
        )

    def command(self):
        options = ["--no-defaults", f"--datadir={self.folder / 'data'}", f"--socket={self.folder / 's'}"]
        options += [f"--bind-address={self.address}", f"--port={self.port}", "--skip-name-resolve"]
        options += [f"--pid-file={self.folder / 'pid'}", "--innodb-flush-log-at-trx-commit=2"]
        if (first := self.folder / "first.sql").exists() and self.process is None:
            options.append(f"--init-file={first}")
        return [shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin"), *options]

    def admin_url(self):
        return self.url("mysql")

    def drop_sessions(self):
        for (number,) in self.run("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() "
                                  "AND user = 'study'"):  # fmt: skip
            self.run(f"KILL {number}")


def _serve(kind, *address):
    if not kind.programs():
        pytest.skip(f"{kind.__name__} is not installed here")
    pytest.importorskip(kind.scheme.partition("+")[2])
    if os.getuid() == 0:
        try:
            pwd.getpwnam(kind.user)
        except KeyError:
            pytest.skip(f"{kind.__name__} does not run as root, and there is no user {kind.user}")
    server = kind(*address)
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres():
    yield from _serve(Postgres)


@pytest.fixture(scope="session")
def mariadb():
    yield from _serve(MariaDB)


@pytest.fixture
def server_at():
    """Starts a server of a kind, given its class's name, at an address of this machine."""
    kinds, start = {"Postgres": Postgres, "MariaDB": MariaDB}, contextmanager(_serve)
    with ExitStack() as stack:
        yield lambda kind, address: stack.enter_context(start(kinds[kind], address))


@pytest.fixture(params=["postgres", "mariadb"])
def database(request):
    """Each kind of server."""
    return request.getfixturevalue(request.param)
