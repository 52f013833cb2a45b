# SPDX-License-Identifier: Apache-2.0
"""The table that all figures use: 112 bytes a row as COPY text. Rows are computed from their id and a version."""
import itertools
import subprocess

from private_servers import Mariadb, Postgres

MARIADB_DDL = """CREATE TABLE {table} (
  id BIGINT PRIMARY KEY, kind INT NOT NULL, code VARCHAR(32) NOT NULL, amount DECIMAL(12,2) NOT NULL,
  at TIMESTAMP NOT NULL DEFAULT '2001-01-01', note VARCHAR(32) NOT NULL) CHARACTER SET utf8mb4;"""
POSTGRES_DDL = """CREATE TABLE {table} (
  id bigint PRIMARY KEY, kind integer NOT NULL, code varchar(32) NOT NULL, amount numeric(12,2) NOT NULL,
  at timestamptz NOT NULL, note varchar(32) NOT NULL);"""
COLUMNS = ("id", "kind", "code", "amount", "at", "note")
COLUMN_LIST = ", ".join(COLUMNS)
TRANSACTION_ROWS = 10_000


def update_ranges(rows, count):
    """Ranges of `count` ids that cover 1 to rows, in an order that jumps."""
    ranges = [(begin, min(rows, begin + count - 1)) for begin in range(1, rows + 1, count)]
    step = max(1, int(len(ranges) * 0.618))
    while any(len(ranges) % prime == 0 and step % prime == 0 for prime in (2, 3, 5, 7, 11, 13)):
        step += 1
    order = [ranges[i * step % len(ranges)] for i in range(len(ranges))]
    return order if len(set(order)) == len(ranges) else ranges


class TableSource:
    """A server whose table bench.rows is read. The order of the values is that of COLUMNS."""
    name = ""
    before = "SET TIME ZONE 'UTC';"
    insert_rows = ""
    expressions = ()

    def __init__(self, server):
        self.server = server

    def _values(self, number):
        return [expression.format(n=number) for expression in self.expressions]

    def insert(self, first, last, version=0, rows=TRANSACTION_ROWS):
        """Inserts ids first to last, `rows` in a transaction."""
        statements = [self.before]
        for begin in range(first, last + 1, rows):
            values = ", ".join(self._values(f"(seq + {version})"))
            statements.append(self.insert_rows.format(values=values, begin=begin, end=min(last, begin + rows - 1)))
        self.server.sql("\n".join(statements))

    def update(self, ranges, version):
        assignments = ", ".join(f"{column} = {value}" for column, value in
                                zip(COLUMNS[1:], self._values(f"(id + {version})")))
        self.server.sql("\n".join([self.before] + [
            f"UPDATE bench.rows SET {assignments} WHERE id BETWEEN {begin} AND {end};" for begin, end in ranges]))

    def fill(self, rows):
        self.insert(1, rows)

    def stop(self):
        self.server.stop()


class MariadbSource(TableSource):
    name = "MariaDB"
    before = "SET time_zone = '+00:00';"
    insert_rows = "INSERT INTO bench.rows SELECT seq, {values} FROM bench.seq_{begin}_to_{end};"
    expressions = ("{n} % 1000", "MD5{n}", "{n} % 1000000 / 100", "FROM_UNIXTIME(1700000000 + {n})", "MD5({n} + 1)")
    copy_only = {"scan.startup.mode": "snapshot"}

    def __init__(self):
        super().__init__(Mariadb())
        self.server.sql("CREATE DATABASE bench;\n" + MARIADB_DDL.format(table="bench.rows"))

    def job_lines(self, table="rows", **options):
        return self.server.job_lines(tables=f"bench.{table}", **options)

    def lines(self):
        """All rows by id, as tab-separated text."""
        query = f"{self.before} SELECT {COLUMN_LIST} FROM bench.rows ORDER BY id"
        return subprocess.run([*self.server.client, "--quick", "-NB", "-e", query], capture_output=True, text=True,
                              check=True).stdout.splitlines()


class PostgresSource(TableSource):
    name = "PostgreSQL"
    insert_rows = "INSERT INTO bench.rows SELECT seq, {values} FROM generate_series({begin}, {end}) seq;"
    expressions = ("{n} % 1000", "md5({n}::text)", "{n} % 1000000 / 100.0", "to_timestamp(1700000000 + {n})",
                   "md5(({n} + 1)::text)")
    copy_only = {"scan.startup.mode": "snapshot"}
    _slots = itertools.count(1)

    def __init__(self):
        super().__init__(Postgres("wal_level=logical", database="source"))
        self.server.fresh_database()
        self.server.sql("CREATE SCHEMA bench;\n" + POSTGRES_DDL.format(table="bench.rows"))

    def job_lines(self, table="rows", **options):
        return self.server.job_lines(tables=f"source.bench.{table}", **{"slot.name": f"bench_{next(self._slots)}"}, **options)

    def lines(self):
        columns = COLUMN_LIST.replace("at,", "at AT TIME ZONE 'UTC',")
        return subprocess.run([*self.server.client, "-c", f"COPY (SELECT {columns} FROM bench.rows ORDER BY id) TO STDOUT"],
                              capture_output=True, text=True, check=True).stdout.splitlines()
