# SPDX-License-Identifier: Apache-2.0
"""Private MariaDB and PostgreSQL servers for benchmarks: a folder, a Unix socket and a port of their own, gone at the end.

Flags as in tests/support (nothing is synced to disk), with larger buffers, so that the servers' memory is not what is
measured.
"""
import atexit
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PASSWORD = "Secret-7x"
_servers = []
_folders = []


def temp_folder():
    folder = tempfile.mkdtemp(prefix="sluice-bench-")
    os.chmod(folder, 0o755)
    _folders.append(folder)
    return folder


def _clean_up():
    for server in list(_servers):
        server.stop(signal.SIGKILL)
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)


atexit.register(_clean_up)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_of(pid):
    """CPU seconds of a process and of its children that have ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def _children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


class Server:
    def __init__(self, arguments):
        self.folder = temp_folder()
        self.port = free_port()
        self.arguments = arguments
        self.process = None

    def launch(self, command):
        # The kernel ends the server if this program dies.
        with open(self.folder + "/log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        _servers.append(self)
        deadline = time.monotonic() + 60
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(self.folder + "/log", encoding="utf-8", errors="replace") as log:
                    raise RuntimeError("the server did not start:\n" + "".join(log.readlines()[-20:]))
            time.sleep(0.05)

    def answers(self):
        raise NotImplementedError

    def cpu_seconds(self):
        pid = self.process.pid
        return cpu_of(pid) + sum(cpu_of(child) for child in _children_of(pid))

    def stop(self, number=signal.SIGTERM):
        if self in _servers:
            _servers.remove(self)
            self.process.send_signal(number)
            self.process.wait()
            shutil.rmtree(self.folder, ignore_errors=True)


def _checked(result, what):
    if result.returncode != 0:
        raise RuntimeError(f"{what} failed: {result.stderr.strip()[-1000:]}")
    return result.stdout


class Mariadb(Server):
    _template = None

    def __init__(self, *arguments):
        super().__init__(list(arguments))
        as_root = ["--user=root"] if os.getuid() == 0 else []
        if Mariadb._template is None:
            work = temp_folder()
            Mariadb._template = work + "/data"
            # A temporary folder of its own: a server that starts removes the temporary tables of all others there.
            _checked(subprocess.run(["mariadb-install-db", "--no-defaults", *as_root, "--datadir=" + Mariadb._template,
                                     "--tmpdir=" + work,
                                     "--auth-root-authentication-method=normal", "--skip-test-db",
                                     "--innodb-log-file-size=512M"], capture_output=True, text=True, check=False),
                     "mariadb-install-db")
        subprocess.run(["cp", "-a", "--sparse=always", Mariadb._template, self.folder + "/data"], check=True)
        self.socket = self.folder + "/socket"
        self.launch(["setpriv", "--pdeathsig=KILL", "mariadbd", "--no-defaults", *as_root,
                     f"--datadir={self.folder}/data", f"--tmpdir={self.folder}", f"--socket={self.socket}", f"--pid-file={self.folder}/pid",
                     "--bind-address=127.0.0.1", f"--port={self.port}", "--skip-name-resolve", "--server-id=1",
                     "--log-bin=binlog", "--binlog-format=ROW", "--max-binlog-size=1G", "--sync-binlog=0",
                     "--innodb-flush-log-at-trx-commit=2", "--innodb-log-file-size=512M",
                     "--innodb-buffer-pool-size=768M", "--performance-schema=OFF", "--gtid-domain-id=0",
                     *self.arguments])
        self.sql(f"CREATE USER sluice@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO sluice@'%'")

    @property
    def client(self):
        return ["mariadb", "--no-defaults", "--socket=" + self.socket, "-u", "root"]

    def answers(self):
        return subprocess.run([*self.client, "-e", "SELECT 1"], capture_output=True, check=False).returncode == 0

    def sql(self, text, database=""):
        """Runs statements; the last results as lists of strings."""
        output = _checked(subprocess.run([*self.client, "-NB", database], input=text, capture_output=True, text=True,
                                         check=False), "a statement on MariaDB")
        return [line.split("\t") for line in output.splitlines()]

    def value(self, text, database=""):
        return self.sql(text, database)[0][0]

    def binlogs(self):
        return sorted(glob.glob(self.folder + "/data/binlog.[0-9]*"))

    def drop_user_databases(self):
        for (name,) in self.sql("SHOW DATABASES"):
            if name not in ("information_schema", "mysql", "performance_schema", "sys"):
                self.sql(f"DROP DATABASE `{name}`")

    def sum_of(self, table):
        """An order-independent checksum of the benchmark's table."""
        return self.sql("SET time_zone = '+00:00'; SELECT COUNT(*), SUM(CRC32(CONCAT_WS('|', id, kind, code, amount, "
                        f"CAST(UNIX_TIMESTAMP(at) AS INT), note))) FROM {table}")

    def job_lines(self, **options):
        options = {"hostname": "127.0.0.1", "port": self.port, "username": "sluice", "password": PASSWORD, **options}
        return ["  type: mysql", *(f"  {name}: {value}" for name, value in options.items())]


def _postgres_programs():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
    if not found:
        raise RuntimeError("PostgreSQL is not installed")
    return found[-1]


class Postgres(Server):
    _template = None

    def __init__(self, *arguments, database="target"):
        super().__init__(list(arguments))
        self.database = database
        programs = _postgres_programs()
        self.as_user = ["setpriv", "--pdeathsig=KILL"]
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self.as_user += ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
        if Postgres._template is None:
            folder = temp_folder()
            if os.getuid() == 0:
                shutil.chown(folder, "postgres", "postgres")
            _checked(subprocess.run([*self.as_user, programs + "/initdb", f"--pgdata={folder}/data", "--username=sluice",
                                     "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
                                    capture_output=True, text=True, check=False, cwd=folder), "initdb")
            Postgres._template = folder + "/data"
        subprocess.run(["cp", "-a", Postgres._template, self.folder + "/data"], check=True)
        settings = ["shared_buffers=768MB", "max_wal_size=8GB", "fsync=off", "full_page_writes=off", "timezone=UTC",
                    "track_commit_timestamp=on", "autovacuum=off", *self.arguments]
        self.launch([*self.as_user, programs + "/postgres", "-D", self.folder + "/data", "-k", self.folder, "-h",
                     "127.0.0.1", "-p", str(self.port), *(word for line in settings for word in ("-c", line))])

    def _client(self, database):
        return ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", str(self.port), "-U", "sluice",
                "-d", database]

    @property
    def client(self):
        return self._client(self.database)

    def answers(self):
        return subprocess.run([*self._client("postgres"), "-c", "SELECT 1"], capture_output=True, check=False).returncode == 0

    def sql(self, text, database=None):
        output = _checked(subprocess.run(self._client(database or self.database), input=text, capture_output=True, text=True,
                                         check=False), "a statement on PostgreSQL")
        return [line.split("|") for line in output.splitlines()]

    def value(self, text, database=None):
        return self.sql(text, database)[0][0]

    def fresh_database(self):
        self.sql(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE);\nCREATE DATABASE {self.database};\nCHECKPOINT;",
                 "postgres")

    def sum_of(self, table):
        """An order-independent checksum of the benchmark's table."""
        return self.sql("SELECT count(*), sum(hashtextextended(concat_ws('|', id, kind, code, amount, extract(epoch from at), "
                        f"note), 0)::numeric) FROM {table}")

    def job_lines(self, **options):
        """Of the server as a target if no options are given; else as a source, over TCP: for every change that the server
        sends, a Unix socket costs more."""
        options = {"hostname": "127.0.0.1", **options} if options else {"hostname": self.folder, "database": self.database}
        options = {"port": self.port, "username": "sluice", **options}
        return ["  type: postgres", *(f"  {name}: {value}" for name, value in options.items())]
