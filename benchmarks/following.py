# SPDX-License-Identifier: Apache-2.0
"""P5 latency under load, P6 memory, P7 start and restart, P8 ten thousand tables."""
import os
import signal
import subprocess
import threading
import time

import bench_table
from copying import SNAPSHOT
from measuring import Job, peak_kib, say, wait_until
from private_servers import Mariadb, Postgres, temp_folder

EVENTS = ("CREATE DATABASE bench; CREATE TABLE bench.events (id BIGINT AUTO_INCREMENT PRIMARY KEY, stamp DATETIME(6) NOT NULL, "
          "kind INT NOT NULL, note VARCHAR(32) NOT NULL)")
TRANSACTION_ROWS = 20
TICK = 0.01


class Load:
    """Transactions of 20 rows at a rate, each row stamped with the server's clock as it is inserted."""

    def __init__(self, server, transactions_per_s):
        self.per_tick = transactions_per_s * TICK
        self.stopping = threading.Event()
        self.client = subprocess.Popen([*server.client, "bench"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        row = "(SYSDATE(6), 7, 'thirty-two characters of a note.')"
        self.statement = f"INSERT INTO events (stamp, kind, note) VALUES {','.join([row] * TRANSACTION_ROWS)};\n"
        self.client.stdin.write("SET time_zone = '+00:00';\n")
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        begin, sent, tick = time.monotonic(), 0, 0
        while not self.stopping.is_set() and self.client.poll() is None:
            tick += 1
            due = int(tick * self.per_tick) - sent
            self.client.stdin.write(self.statement * due)
            self.client.stdin.flush()
            sent += due
            time.sleep(max(0.0, begin + tick * TICK - time.monotonic()))

    def stop(self):
        self.stopping.set()
        self.thread.join()
        self.client.stdin.close()
        self.client.wait()


LATENCY = """SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), percentile_cont(0.99) WITHIN GROUP (ORDER BY ms),
max(ms), count(*) / extract(epoch FROM max(stamp) - min(stamp)) FROM (SELECT stamp, extract(epoch FROM
pg_xact_commit_timestamp(xmin) - stamp AT TIME ZONE 'UTC') * 1000 AS ms FROM bench.events WHERE id > {first} AND id <= {last}) one"""


def p5(bench):
    seconds = 2 if bench.small else 10
    wanted = 50 if bench.small else 1_000
    say(f"P5, P6, P7: {wanted * TRANSACTION_ROWS:,} rows/s for {seconds} s a round, a kill in between")
    source, target = Mariadb(), Postgres()
    source.sql(EVENTS)
    target.fresh_database()
    job = Job(bench.sluice, temp_folder(), source.job_lines(tables="bench.events"), target.job_lines())
    program = job.start()
    job.wait_for_log("reading the log")
    last_id = lambda: int(source.value("SELECT COALESCE(MAX(id), 0) FROM bench.events"))
    p50, p99, worst, reached, peaks, restarts = [], [], [], [], [], []
    for _ in range(bench.rounds):
        load = Load(source, wanted)
        time.sleep(1)
        first = last_id()
        time.sleep(seconds)
        last = last_id()
        time.sleep(1)  # what the kill delays is not in the range
        peaks.append(peak_kib(program.pid) / 1024)
        program.stop(signal.SIGKILL)
        program = job.start()
        restarted = program.started
        time.sleep(1.5)
        load.stop()
        wait_until(lambda: int(target.value("SELECT COALESCE(MAX(id), 0) FROM bench.events")) >= last_id())
        count, middle, high, highest, rate = target.sql(LATENCY.format(first=first, last=last))[0]
        p50.append(float(middle)), p99.append(float(high)), worst.append(float(highest)), reached.append(float(rate))
        restarts.append(float(target.value(
            "SELECT min(extract(epoch FROM pg_xact_commit_timestamp(xmin))) FROM bench.events WHERE "
            f"pg_xact_commit_timestamp(xmin) > to_timestamp({restarted})")) - restarted)
        assert int(count) > 0
    peaks.append(program.peak / 1024)
    program.stop()
    job.catch_up()
    job.verify()
    source.stop()
    target.stop()
    rate = {"rows_per_s": [round(one) for one in reached], "transaction_rows": TRANSACTION_ROWS}
    bench.report.add("P5 commit to visible, p50", "ms", p50, bar=5, lower=True, **rate)
    bench.report.add("P5 commit to visible, p99", "ms", p99, bar=50, lower=True, worst_ms=[round(one) for one in worst], **rate)
    bench.report.add("P6 peak memory while streaming", "MiB", peaks, bar=64, lower=True, **rate)
    bench.report.add("P7 kill -9 to applying again", "s", restarts, bar=1, lower=True, **rate)


def p6(bench):
    rows = 10_000 if bench.small else 1_500_000
    say(f"P6: a copy with 8 readers, then one transaction of {rows:,} rows")
    source, target = Mariadb(), Postgres()
    bench_table.fill(source, rows)
    target.fresh_database()
    job = Job(bench.sluice, temp_folder(), source.job_lines(**SNAPSHOT), target.job_lines(),
              ["parallelism: 8", "execution.runtime-mode: BATCH"])
    copy = job.start().check()
    job.verify()
    bench.report.add("P6 peak memory in a copy with 8 readers", "MiB", [copy.peak / 1024], bar=256, lower=True, rows=rows)

    target.fresh_database()
    source.sql("DELETE FROM bench.rows")
    job = Job(bench.sluice, temp_folder(), source.job_lines(tables="bench.rows"), target.job_lines())
    job.catch_up()
    source.sql(bench_table.insert_sql(1, rows, rows=rows), "bench")
    apply = job.catch_up()
    job.verify()
    bench.report.add("P6 peak memory with one large transaction", "MiB", [apply.peak / 1024], bar=64, lower=True, rows=rows,
                     rows_per_s=round(rows / apply.wall))
    source.stop()
    target.stop()


def p7(bench):
    say("P7: from exec to the first row")
    source = Mariadb()
    bench_table.fill(source, 1_000)
    times = []
    for _ in range(bench.rounds):
        job = Job(bench.sluice, temp_folder(), source.job_lines(tables="bench.rows"),
                  ["  type: values", "  format: changelog"])
        reader, writer = os.pipe()
        program = job.start(stdout=writer)
        os.close(writer)
        with os.fdopen(reader, "rb") as output:
            line = output.readline()
            while line and not line.startswith(b"+"):
                line = output.readline()
            times.append((time.time() - program.started) * 1000)
            program.stop()
        assert line, "no row was printed"
    source.stop()
    bench.report.add("P7 exec to first row printed", "ms", times, bar=100, lower=True)


def p8(bench):
    tables = 100 if bench.small else 10_000
    say(f"P8: {tables:,} tables")
    # One file for all tables, so that creating them is not what takes the time.
    source = Mariadb("--innodb-file-per-table=OFF", "--table-open-cache=400", "--skip-innodb-doublewrite")
    target = Postgres("max_locks_per_transaction=4096")
    source.sql("CREATE DATABASE bench;\n" + "\n".join(
        f"CREATE TABLE bench.t{i} (id INT PRIMARY KEY, note INT NOT NULL);" for i in range(tables)))
    target.fresh_database()
    # Without a copy: ten thousand of them take minutes, which belong to no figure.
    job = Job(bench.sluice, temp_folder(),
              source.job_lines(tables=r"bench.\.*", **{"scan.startup.mode": "latest-offset"}), target.job_lines())
    first = job.catch_up()
    starts, peaks = [], []
    for number in range(bench.rounds):
        source.sql(f"INSERT INTO bench.t{number} VALUES (1, {number})")
        os.rename(job.log, job.log + str(number))
        program = job.start()
        job.wait_for_log("reading the log")
        wait_until(lambda: target.value(f"SELECT MAX(note) FROM bench.t{number}") == str(number))  # pylint: disable=cell-var-from-loop
        commit = target.value(f"SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM bench.t{number}")
        starts.append(float(commit) - program.started)
        program.stop()
        peaks.append(program.peak / 1024)
    job.verify()
    source.stop()
    target.stop()
    bench.report.add(f"P8 {tables:,} tables: exec to first change applied", "s", starts, bar=2, lower=True, tables=tables)
    bench.report.add(f"P8 {tables:,} tables: peak memory", "MiB", peaks, bar=256, lower=True, tables=tables,
                     first_start_s=round(first.wall, 1), first_start_peak_mib=round(first.peak / 1024))
