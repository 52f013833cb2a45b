# SPDX-License-Identifier: Apache-2.0
"""P1 and P2 log to batches and to JSON; P3 copy of a table. Each with its anchor, round by round."""
import os
import subprocess

from bench_table import COLUMN_LIST, MARIADB_DDL, POSTGRES_DDL, MariadbSource, PostgresSource
from measuring import Job, Program, say, shell
from private_servers import Mariadb, Postgres, cpu_of, temp_folder


def p1(bench):
    rows = 20_000 if bench.small else 2_000_000
    say(f"P1: a log with {rows:,} inserted rows")
    source = MariadbSource()
    source.fill(rows)
    logs = source.server.binlogs()
    size = sum(os.path.getsize(path) for path in logs)
    expected = [str(rows), str(rows * (rows + 1) // 2)]
    rates = {"decode": [], "decode_no_crc": [], "json": [], "text": []}

    def decode(options, key):
        out = temp_folder() + "/out"
        with open(out, "wb") as stdout:
            program = Program([bench.binlog_decode, *options, *logs], stdout=stdout).check()
        with open(out, encoding="utf-8") as file:
            assert file.read().split()[:2] == expected, "the decoded rows are not those that were inserted"
        rates[key].append(rows / program.cpu)

    for _ in range(bench.rounds):
        decode([], "decode")
        decode(["--no-crc"], "decode_no_crc")
        folder = temp_folder()
        job = Job(bench.sluice, folder + "/job", source.job_lines(**{"scan.startup.mode": "earliest-offset"}),
                  ["  type: values", "  format: debezium-json", f"  path: {folder}/out.json"])
        program = job.catch_up()
        lines = subprocess.run(f"grep -c '\"op\":\"c\"' {folder}/out.json", shell=True, capture_output=True, text=True,
                               check=False)
        assert int(lines.stdout) == rows, f"{lines.stdout} of {rows} rows are in the JSON file"
        os.remove(folder + "/out.json")
        rates["json"].append(rows / program.cpu)
        wall = rows / program.wall
        text = shell(f"mariadb-binlog --no-defaults -v {' '.join(logs)} >/dev/null")
        rates["text"].append(rows / text.cpu)
    source.stop()
    anchor = {"anchor": rates["text"], "anchor_name": "mariadb-binlog -v"}
    bench.report.add("P1 log file -> batches", "rows/CPU-s", rates["decode"], **anchor, bar=1e6, rows=rows, log_bytes=size)
    bench.report.add("P1 log file -> batches, CRC not checked", "rows/CPU-s", rates["decode_no_crc"], **anchor, bar=1e6)
    bench.report.add("P1 server -> Debezium JSON file", "rows/CPU-s", rates["json"], **anchor, bar=6e5,
                     last_round_rows_per_s=round(wall))


def p2(bench):
    """The server's share of the processor time of both while a slot is read; the same changes each round."""
    rows = 10_000 if bench.small else 1_000_000
    say(f"P2: a slot with {rows:,} inserted rows, every other one updated")
    source = PostgresSource()
    source.server.sql("CREATE PUBLICATION bench FOR TABLE bench.rows; "
                      "SELECT pg_create_logical_replication_slot('bench', 'pgoutput')")
    source.fill(rows)
    source.update([(begin, begin + 999) for begin in range(1, rows + 1, 2_000)], 1_000)
    changes = rows + rows // 2
    shares, cpu, walsender_cpu, rates = [], [], [], []
    for _ in range(bench.rounds):
        reader = subprocess.Popen([bench.slot_decode, "hostname=127.0.0.1", f"port={source.server.port}",
                                   "username=sluice", "tables=source.bench.rows", "slot.name=bench", "publication.name=bench",
                                   "publication.autocreate.mode=disabled", "scan.startup.mode=committed-offset"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        words = reader.stdout.readline().split()
        assert words[:1] == [str(changes)], f"{words} instead of {changes} changes"
        walsender = source.server.value("SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'bench'")
        walsender_cpu.append(cpu_of(walsender))
        cpu.append(cpu_of(reader.pid))
        rates.append(changes / float(words[1]))
        shares.append(100 * walsender_cpu[-1] / (walsender_cpu[-1] + cpu[-1]))
        reader.communicate()
    source.stop()
    bench.report.add("P2 slot -> batches, walsender's share of the CPU", "%", shares, bar=85, changes=changes, cpu_s=cpu,
                     walsender_cpu_s=walsender_cpu, rows_per_s=[round(rate) for rate in rates])


class PostgresTarget:
    def __init__(self):
        self.server = Postgres()
        self.sink = self.server.job_lines()

    def empty(self):
        self.server.fresh_database()
        self.server.sql("CREATE SCHEMA anchor;\n" + POSTGRES_DDL.format(table="anchor.rows"))


class MariadbTarget:
    def __init__(self):
        self.server = Mariadb()
        self.sink = self.server.job_lines(database="target")

    def empty(self):
        self.server.drop_user_databases()
        self.server.sql("CREATE DATABASE target; CREATE DATABASE anchor;\n" + MARIADB_DDL.format(table="anchor.rows"))


def _ranges(rows, count):
    """Conditions that divide the ids 1 to rows."""
    if count == 1:
        return [""]
    return [f" WHERE id BETWEEN {1 + rows * i // count} AND {rows * (i + 1) // count}" for i in range(count)]


def _side_by_side(commands):
    return "; ".join([f"({command}) & pids[{i}]=$!" for i, command in enumerate(commands)] +
                     [f"wait ${{pids[{i}]}}" for i in range(len(commands))])


class FromMariadb:
    """The yardsticks are single streams, which is what those programs can."""
    name, source_type = "MariaDB", MariadbSource

    @staticmethod
    def to_postgres(source, target, _rows, _parallelism):
        read = " ".join(source.server.client) + f" --quick -NB -e \"{source.before} SELECT {COLUMN_LIST} FROM bench.rows\""
        return f"{read} | {' '.join(target.client)} -c 'COPY anchor.rows FROM STDIN'"

    @staticmethod
    def to_mariadb(source, target, _rows, _parallelism):
        read = f"mariadb-dump --no-defaults --socket={source.server.socket} -u root bench rows"
        return f"{read} | {' '.join(target.client)} anchor"


class FromPostgres:
    name, source_type = "PostgreSQL", PostgresSource

    @staticmethod
    def _read(source, condition):
        what = f"(SELECT * FROM bench.rows{condition})" if condition else "bench.rows"
        return f"{' '.join(source.server.client)} -c 'COPY {what} TO STDOUT'"

    @classmethod
    def to_postgres(cls, source, target, rows, parallelism):
        write = f"{' '.join(target.client)} -c 'COPY anchor.rows FROM STDIN'"
        return _side_by_side([f"{cls._read(source, condition)} | {write}" for condition in _ranges(rows, parallelism)])

    @classmethod
    def to_mariadb(cls, source, target, rows, parallelism):
        write = (f"{' '.join(target.client)} --local-infile=1 -e \"SET time_zone = '+00:00'; "
                 "LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE anchor.rows (id, kind, code, amount, @at, note) SET at = LEFT(@at, 19)\"")
        return _side_by_side([f"PGTZ=UTC {cls._read(source, condition)} | {write}" for condition in _ranges(rows, parallelism)])


# Source, target, yardstick, its ratio at parallelism 1 and 2 that is to be reached, rows for the whole one.
COPIES = (
    (FromMariadb, "PostgreSQL", "mariadb --quick | psql COPY", (1.2, None), 2_000_000),
    (FromMariadb, "MariaDB", "mariadb-dump | mariadb", (1.5, None), 1_000_000),
    (FromPostgres, "PostgreSQL", "psql COPY TO | psql COPY FROM", (0.9, 0.9), 2_000_000),
    (FromPostgres, "MariaDB", "psql COPY TO | mariadb LOAD DATA", (None, None), 1_000_000),
)


def p3(bench):
    for origin, target_name, anchor_name, bars, full in COPIES:
        rows = 5_000 if bench.small else full
        say(f"P3: copies of {rows:,} rows from {origin.name} to {target_name}")
        source = origin.source_type()
        source.fill(rows)
        target = PostgresTarget() if target_name == "PostgreSQL" else MariadbTarget()
        anchor = origin.to_postgres if target_name == "PostgreSQL" else origin.to_mariadb
        scripts = {parallelism: anchor(source, target.server, rows, parallelism) for parallelism in (1, 2)}
        copies = _Copies(bench, source, target, rows, scripts)
        for number in range(bench.rounds):
            copies.round(verify=number == bench.rounds - 1)
        source.stop()
        target.server.stop()
        copies.report(f"P3 copy {origin.name} -> {target_name}", anchor_name, bars)


class _Copies:
    """Copies of a table at parallelism 1 and 2, each beside its yardstick, which may be the same."""

    def __init__(self, bench, source, target, rows, scripts):
        self.bench, self.source, self.target, self.rows, self.scripts = bench, source, target, rows, scripts
        self.anchors = {script: [] for script in scripts.values()}
        self.copies = {parallelism: [] for parallelism in scripts}
        self.expected = None

    def _measure(self, done, what):
        before = self.target.server.cpu_seconds()
        program = what()
        program.target_cpu = round(self.target.server.cpu_seconds() - before, 2)
        done.append(program)

    def _check(self, table):
        got = self.target.server.sum_of(table)
        self.expected = self.expected or got
        assert got == self.expected and int(got[0][0]) == self.rows, f"{table} has {got}, not {self.expected}"

    def round(self, verify):
        for script, done in self.anchors.items():
            self.target.empty()
            self._measure(done, lambda: shell(script))  # pylint: disable=cell-var-from-loop
            self._check("anchor.rows")
        for parallelism, done in self.copies.items():
            self.target.empty()
            job = Job(self.bench.sluice, temp_folder(), self.source.job_lines(**self.source.copy_only), self.target.sink,
                      [f"parallelism: {parallelism}", "execution.runtime-mode: BATCH"])
            self._measure(done, lambda: job.start().check())  # pylint: disable=cell-var-from-loop
            self._check("bench.rows")
            if verify and parallelism == 1:
                job.verify()

    def report(self, name, anchor_name, bars):
        for (parallelism, done), bar in zip(self.copies.items(), bars):
            anchors = self.anchors[self.scripts[parallelism]]
            self.bench.report.add(f"{name}, parallelism {parallelism}", "rows/s", [self.rows / one.wall for one in done],
                                  anchor=[self.rows / one.wall for one in anchors], anchor_name=anchor_name, ratio_bar=bar,
                                  rows=self.rows, cpu_s=[round(one.cpu, 2) for one in done],
                                  target_cpu_s=[one.target_cpu for one in done],
                                  anchor_target_cpu_s=[one.target_cpu for one in anchors],
                                  anchor_client_cpu_s=[round(one.cpu, 2) for one in anchors])
