# SPDX-License-Identifier: Apache-2.0
"""P4: a backlog of updates and inserts applied to a target, against the best statements written by hand for its rows.

Each round the source changes every row (ranges of 1,000 ids, in an order that jumps) and adds half as many; the job's
time is that of a whole run from start to caught up. The anchor executes a prepared file with the same new rows, 10,000
in a transaction, on a table in the same state.
"""
import subprocess

from bench_table import COLUMNS, MariadbSource, PostgresSource, update_ranges
from measuring import Job, say, shell
from private_servers import Mariadb, Postgres, temp_folder

STATEMENT_ROWS = 10_000


class Backlog:
    """Makes the changes of one round at the source and knows the rows they leave."""

    def __init__(self, source, rows):
        self.source = source
        self.rows = rows
        self.version = 0

    def change(self):
        """Returns the number of changes and the new rows in the order of the changes, as tab-separated text."""
        self.version += 1_000
        added = self.rows // 2
        ranges = update_ranges(self.rows, 1_000)
        self.source.update(ranges, self.version)
        self.source.insert(self.rows + 1, self.rows + added, self.version, 1_000)
        changes = self.rows + added
        ranges += [(begin, min(begin + 999, changes)) for begin in range(self.rows + 1, changes + 1, 1_000)]
        place = {begin: i for i, (begin, _) in enumerate(ranges)}
        lines = self.source.lines()
        chunks = [lines[i:i + 1_000] for i in range(0, len(lines), 1_000)]
        ordered = sorted(chunks, key=lambda chunk: place[int(chunk[0].split("\t", 1)[0])])
        self.rows = changes
        return changes, [line for chunk in ordered for line in chunk]


def _batches(lines):
    return [lines[i:i + STATEMENT_ROWS] for i in range(0, len(lines), STATEMENT_ROWS)]


def _quoted(line):
    number, kind, code, amount, at, note = line.split("\t")
    return f"({number},{kind},'{code}',{amount},'{at}','{note}')"


def _postgres_file(lines, path):
    """COPY into a staging table, then one upsert, per transaction."""
    update = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
    with open(path, "w", encoding="utf-8") as file:
        file.write("SET TIME ZONE 'UTC'; CREATE TEMP TABLE stage AS SELECT * FROM anchor.rows WITH NO DATA;\n")
        for batch in _batches(lines):
            file.write("BEGIN;\nCOPY stage FROM STDIN;\n" + "\n".join(batch) + "\n\\.\n"
                       f"INSERT INTO anchor.rows SELECT * FROM stage ON CONFLICT (id) DO UPDATE SET {update};\n"
                       "TRUNCATE stage;\nCOMMIT;\n")


def _values_file(lines, path, table, head, tail):
    with open(path, "w", encoding="utf-8") as file:
        file.write(head)
        for batch in _batches(lines):
            file.write("BEGIN;\n")
            for i in range(0, len(batch), 1_000):
                file.write(f"INSERT INTO {table} VALUES " + ",".join(_quoted(line) for line in batch[i:i + 1_000]) +
                           tail + ";\n")
            file.write("COMMIT;\n")


class PostgresTarget:
    name, anchor_name = "PostgreSQL", "psql: COPY to stage + upsert, 10,000 rows"

    def __init__(self):
        self.server = Postgres()
        self.server.fresh_database()
        self.sink = self.server.job_lines()

    def copy_to_anchor(self):
        self.server.sql("CREATE SCHEMA IF NOT EXISTS anchor;\n"
                        "CREATE TABLE IF NOT EXISTS anchor.rows (LIKE bench.rows INCLUDING ALL);\n"
                        "TRUNCATE anchor.rows; INSERT INTO anchor.rows SELECT * FROM bench.rows ORDER BY id;\n"
                        "VACUUM ANALYZE anchor.rows;\nVACUUM ANALYZE bench.rows;\nCHECKPOINT;")

    def prepare(self, lines, path):
        _postgres_file(lines, path)
        return " ".join(self.server.client) + f" -f {path}"

    def equal(self):
        return self.server.sum_of("anchor.rows") == self.server.sum_of("bench.rows")

    def cpu_seconds(self):
        return self.server.cpu_seconds()

    def stop(self):
        self.server.stop()


class MariadbTarget:
    name, anchor_name = "MariaDB", "mariadb: ON DUPLICATE KEY UPDATE, 1,000 rows, 10,000 a transaction"

    def __init__(self):
        self.server = Mariadb()
        self.server.sql("CREATE DATABASE target; CREATE DATABASE anchor")
        self.sink = self.server.job_lines(database="target")

    def copy_to_anchor(self):
        self.server.sql("CREATE TABLE IF NOT EXISTS anchor.rows LIKE bench.rows; TRUNCATE anchor.rows; "
                        "INSERT INTO anchor.rows SELECT * FROM bench.rows;")

    def prepare(self, lines, path):
        update = ", ".join(f"{name} = VALUES({name})" for name in COLUMNS[1:])
        _values_file(lines, path, "anchor.rows", "SET time_zone = '+00:00';\n", f" ON DUPLICATE KEY UPDATE {update}")
        return " ".join(self.server.client) + f" <{path}"

    def equal(self):
        return self.server.sum_of("anchor.rows") == self.server.sum_of("bench.rows")

    def cpu_seconds(self):
        return self.server.cpu_seconds()

    def stop(self):
        self.server.stop()


class SqliteTarget:
    name, anchor_name = "SQLite", "sqlite3: ON CONFLICT DO UPDATE, 1,000 rows, 10,000 a transaction"

    def __init__(self):
        self.folder = temp_folder()
        self.file, self.anchor = self.folder + "/target.db", self.folder + "/anchor.db"
        self.sink = ["  type: sqlite", f"  path: {self.file}"]

    def _query(self, sql):
        return subprocess.run(["sqlite3", self.file, sql], capture_output=True, text=True, check=True).stdout.strip()

    def copy_to_anchor(self):
        self._query("PRAGMA wal_checkpoint(TRUNCATE)")
        subprocess.run(["cp", self.file, self.anchor], check=True)
        mode = self._query("PRAGMA journal_mode")
        subprocess.run(["sqlite3", self.anchor, f"PRAGMA journal_mode = {mode}"], capture_output=True, check=True)

    def prepare(self, lines, path):
        update = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
        sample = self._query("SELECT amount, at FROM rows LIMIT 1").split("|")
        text = [line.split("\t") for line in lines]
        # Values in the form that the job gave them.
        in_form = ["\t".join([*row[:3], f"'{row[3]}'" if "." in sample[0] else row[3], row[4] + sample[1][19:], row[5]])
                   for row in text]
        _values_file(in_form, path, "rows", "PRAGMA synchronous = NORMAL;\n", f" ON CONFLICT (id) DO UPDATE SET {update}")
        return f"sqlite3 -bail {self.anchor} <{path}"

    def equal(self):
        return self._query(f"ATTACH '{self.anchor}' AS a; SELECT (SELECT COUNT(*) FROM main.rows) = (SELECT COUNT(*) FROM a.rows), "
                           "COUNT(*) FROM (SELECT * FROM main.rows EXCEPT SELECT * FROM a.rows)") == "1|0"

    def cpu_seconds(self):
        return 0.0

    def stop(self):
        pass


def p4(bench):
    for source_type in (MariadbSource, PostgresSource):
        for target_type, full in ((PostgresTarget, 200_000), (MariadbTarget, 100_000), (SqliteTarget, 200_000)):
            _apply(bench, source_type(), target_type(), 4_000 if bench.small else full)


def _apply(bench, source, target, rows):
    say(f"P4: changes of {rows:,} rows and half as many new ones, from {source.name} to {target.name}")
    source.fill(rows)
    job = Job(bench.sluice, temp_folder(), source.job_lines(), target.sink)
    job.catch_up()
    backlog = Backlog(source, rows)
    rates, anchors, cpu, target_cpu, anchor_cpu = [], [], [], [], []
    for _ in range(bench.rounds):
        target.copy_to_anchor()
        changes, lines = backlog.change()
        script = target.prepare(lines, job.folder + "/anchor.sql")
        before = target.cpu_seconds()
        anchor = shell(script, log=job.log)
        between = target.cpu_seconds()
        program = job.catch_up()
        target_cpu.append(round(target.cpu_seconds() - between, 2))
        anchor_cpu.append(round(between - before, 2))
        assert target.equal(), f"what was applied to {target.name} differs from the anchor's table"
        anchors.append(changes / anchor.wall)
        rates.append(changes / program.wall)
        cpu.append(round(program.cpu, 2))
    job.verify()
    bench.report.add(f"P4 apply {source.name} -> {target.name}", "rows/s", rates, anchor=anchors,
                     anchor_name=target.anchor_name, ratio_bar=0.9, changes_last_round=changes, cpu_s=cpu,
                     target_cpu_s=target_cpu, anchor_target_cpu_s=anchor_cpu)
    source.stop()
    target.stop()
