# SPDX-License-Identifier: Apache-2.0
"""P9: a clone of a tenant, from the command to its return with the clone writable, against a full copy of the same data
into an empty tenant by mariadb-dump and mariadb. Idle, and while a client commits row after row as fast as it can: the
longest time between two of its commits is what a clone costs its source.
"""
import atexit
import os
import shutil
import signal
import statistics
import subprocess
import time

from measuring import Program, say, shell, wait_until
from private_servers import temp_folder

COLUMNS = "(id BIGINT PRIMARY KEY, kind INT, code CHAR(32), amount DECIMAL(12,2), at TIMESTAMP, note CHAR(32))"
VALUES = "seq, seq % 100, MD5(seq), seq / 7, FROM_UNIXTIME(1700000000 + seq), MD5(-seq)"
BATCH = 100_000
BAR_IDLE, BAR_LOADED = 0.5, 1.0


class TenantServer:
    """`sluice server` with a folder of its own; at the end it stops its tenants."""

    def __init__(self, sluice):
        self.sluice = sluice
        self.folder = temp_folder() + "/d"
        self.program = Program([sluice, "server", "--data", self.folder], log=self.folder + ".log")
        atexit.register(self.stop)
        wait_until(lambda: subprocess.run([sluice, "sql", "--data", self.folder, "SELECT 1"], capture_output=True,
                                          check=False).returncode == 0)
        self.sql("CREATE RESOURCE UNIT box MAX_CPU 2, MIN_CPU 0.1, MEMORY_SIZE '1G', LOG_DISK_SIZE '8G'")

    def sql(self, text):
        result = subprocess.run([self.sluice, "sql", "--data", self.folder, text], capture_output=True, text=True,
                                check=False)
        if result.returncode != 0:
            raise RuntimeError(f"{text[:200]}: {result.stderr.strip()}")
        return result.stdout

    def create(self, name):
        self.sql(f"CREATE RESOURCE POOL {name}_pool UNIT box, UNIT_NUM 1; "
                 f"CREATE TENANT {name} RESOURCE_POOL_LIST=('{name}_pool')")

    def drop(self, name, pool=False):
        self.sql(f"DROP TENANT {name} FORCE" + (f"; DROP RESOURCE POOL {name}_pool" if pool else ""))

    def tenant_folder(self, name):
        text = self.sql(f"SELECT TENANT_ID FROM DBA_OB_TENANTS WHERE TENANT_NAME = '{name}'\\G")
        return f"{self.folder}/tenants/{text.rsplit(': ', 1)[1].strip()}"

    def client(self, name, program="mariadb"):
        return [program, f"--defaults-file={self.tenant_folder(name)}/client.cnf"]

    def query(self, name, text):
        result = subprocess.run([*self.client(name), "-NB"], input=text, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise RuntimeError(f"{text[:200]}: {result.stderr.strip()}")
        return result.stdout.strip()

    def stop(self):
        if self.program.code is None:
            self.program.stop()
            shutil.rmtree(self.folder, ignore_errors=True)


def _fill_rows(server, rows):
    server.query("shop", f"CREATE DATABASE app; CREATE TABLE app.t1 {COLUMNS}")
    for begin in range(1, rows + 1, BATCH):
        server.query("shop", f"USE app; INSERT INTO t1 SELECT {VALUES} FROM seq_{begin}_to_{min(begin + BATCH - 1, rows)}")
    return "CHECKSUM TABLE app.t1 EXTENDED"


def _fill_tables(server, tables):
    server.query("shop", "CREATE DATABASE app; USE app; " + "; ".join(
        f"CREATE TABLE app.t{i} {COLUMNS}; INSERT INTO app.t{i} SELECT {VALUES} FROM seq_1_to_10" for i in range(1, tables + 1)))
    return "CHECKSUM TABLE " + ", ".join(f"app.t{i}" for i in range(1, tables + 1)) + " EXTENDED"


def p9(bench):
    sizes = [("0.1 GB", _fill_rows, 900_000), ("1 GB", _fill_rows, 9_000_000), ("1,000 tables", _fill_tables, 1000)]
    if bench.small:
        sizes = [("rows", _fill_rows, 1000), ("tables", _fill_tables, 5)]
    server = TenantServer(bench.sluice)
    for name, fill, count in sizes:
        _figure(bench, server, name, fill, count)
    server.stop()


def _own(folder):
    """Bytes on disk that only this folder holds, and those of its table files, which it may share."""
    own = tables = 0
    for path, _, names in os.walk(folder):
        for name in names:
            info = os.lstat(os.path.join(path, name))
            if info.st_nlink == 1:
                own += info.st_blocks * 512
            if name.endswith(".sst"):
                tables += info.st_size
    return own, tables


def _resident_mib(folder):
    with open(folder + "/run/pid", encoding="utf-8") as file:
        pid = int(file.read())
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) / 1024


def _clone(server, sums, details):
    begin = time.monotonic()
    server.sql("CREATE TENANT c FROM shop WITH RESOURCE_POOL = c_pool, UNIT = box, ROLE = PRIMARY")
    wall = time.monotonic() - begin
    folder = server.tenant_folder("c")
    own, tables = _own(folder)
    details["own_mib"].append(round(own / 2**20, 1))
    details["table_mib"].append(round(tables / 2**20, 1))
    details["resident_mib"].append(round(_resident_mib(folder), 1))
    if sums:
        assert server.query("c", sums) == server.query("shop", sums), "the clone differs from its source"
    server.query("c", "CREATE TABLE app.written (a INT PRIMARY KEY); INSERT INTO app.written VALUES (1)")
    server.drop("c")
    return wall


def _full_copy(server, sums):
    server.create("full")
    source, target = " ".join(server.client("shop", "mariadb-dump")), " ".join(server.client("full"))
    wall = shell(f"{source} --single-transaction --quick --databases app | {target}").wall
    assert server.query("full", sums) == server.query("shop", sums), "the full copy differs from its source"
    server.drop("full", pool=True)
    return wall


class Writer:
    """Commits a row after the other; each row has the time of its insert."""

    def __init__(self, server):
        self.server = server
        server.query("shop", "CREATE OR REPLACE TABLE app.log (a BIGINT PRIMARY KEY AUTO_INCREMENT, at TIMESTAMP(6) NULL)")
        client = " ".join(server.client("shop"))
        # A group of processes of its own, which ends as one.
        self.program = Program(["setsid", "bash", "-c", f"yes 'INSERT INTO app.log (at) VALUES (SYSDATE(6));' | exec {client}"])
        wait_until(lambda: int(server.query("shop", "SELECT COUNT(*) FROM app.log")) > 100)

    def longest_gap_ms(self, since):
        return float(self.server.query("shop", "SELECT COALESCE(MAX(gap), 0) FROM (SELECT TIMESTAMPDIFF(MICROSECOND, "
                                       f"LAG(at) OVER (ORDER BY a), at) / 1000 gap FROM app.log WHERE a > {since}) x"))

    def rows(self):
        return int(self.server.query("shop", "SELECT COALESCE(MAX(a), 0) FROM app.log"))

    def stop(self):
        os.killpg(self.program.pid, signal.SIGTERM)
        self.program.wait()


def _figure(bench, server, name, fill, count):
    say(f"P9: clones of {name}")
    server.create("shop")
    sums = fill(server, count)
    server.sql("ALTER SYSTEM ARCHIVELOG TENANT = shop")
    clones, copies, loaded, gaps, quiet = [], [], [], [], []
    idle, busy = ({key: [] for key in ("own_mib", "table_mib", "resident_mib")} for _ in range(2))
    for _ in range(bench.rounds):
        clones.append(_clone(server, sums, idle))
        copies.append(_full_copy(server, sums))
    writer = Writer(server)
    for _ in range(bench.rounds):
        since = writer.rows()
        time.sleep(0.2 if bench.small else 2)  # as long as nothing is cloned
        quiet.append(writer.longest_gap_ms(since))
        since = writer.rows()
        loaded.append(_clone(server, None, busy))
        gaps.append(writer.longest_gap_ms(since))
    writer.stop()
    server.drop("shop", pool=True)
    bench.report.add(f"P9 clone of {name}, idle", "s", clones, anchor=copies, anchor_name="mariadb-dump | mariadb",
                     bar=BAR_IDLE, lower=True, **idle)
    bench.report.add(f"P9 clone of {name}, under load", "s", loaded, bar=BAR_LOADED, lower=True, **busy)
    bench.report.add(f"P9 longest commit gap, {name}, with a clone", "ms", gaps,
                     bar=round(statistics.median(quiet) + 20, 1), lower=True, quiet_ms=[round(gap, 2) for gap in quiet])
