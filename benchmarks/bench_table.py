# SPDX-License-Identifier: Apache-2.0
"""The table that all figures use: 112 bytes a row as COPY text. Rows are computed from their id and a version."""

DDL = """CREATE TABLE bench.rows (
  id BIGINT PRIMARY KEY, kind INT NOT NULL, code VARCHAR(32) NOT NULL, amount DECIMAL(12,2) NOT NULL,
  at TIMESTAMP NOT NULL DEFAULT '2001-01-01', note VARCHAR(32) NOT NULL) CHARACTER SET utf8mb4;"""
POSTGRES_DDL = """CREATE SCHEMA IF NOT EXISTS anchor; CREATE TABLE anchor.rows (
  id bigint PRIMARY KEY, kind integer NOT NULL, code varchar(32) NOT NULL, amount numeric(12,2) NOT NULL,
  at timestamptz NOT NULL, note varchar(32) NOT NULL);"""
COLUMNS = ("id", "kind", "code", "amount", "at", "note")
TRANSACTION_ROWS = 10_000
# An order-independent checksum of a table in PostgreSQL: count and sum of row hashes.
POSTGRES_SUM = ("SELECT count(*), sum(hashtextextended(concat_ws('|', id, kind, code, amount, extract(epoch from at), note), "
                "0)::numeric) FROM {table}")


def values_sql(version=0):
    return (f"seq, (seq + {version}) % 1000, MD5(seq + {version}), (seq + {version}) % 1000000 / 100, "
            f"FROM_UNIXTIME(1700000000 + seq + {version}), MD5(seq + {version} + 1)")


def insert_sql(first, last, version=0, rows=TRANSACTION_ROWS):
    """Statements that insert ids first to last, one transaction each."""
    statements = ["SET time_zone = '+00:00';"]
    for begin in range(first, last + 1, rows):
        end = min(last, begin + rows - 1)
        statements.append(f"INSERT INTO bench.rows SELECT {values_sql(version)} FROM seq_{begin}_to_{end};")
    return "\n".join(statements)


def fill(server, rows):
    server.sql("CREATE DATABASE bench;\n" + DDL + "\nUSE bench;\n" + insert_sql(1, rows))


def update_ranges(rows, count):
    """Ranges of `count` ids that cover 1 to rows, in an order that jumps."""
    ranges = [(begin, min(rows, begin + count - 1)) for begin in range(1, rows + 1, count)]
    step = max(1, int(len(ranges) * 0.618))
    while any(len(ranges) % prime == 0 and step % prime == 0 for prime in (2, 3, 5, 7, 11, 13)):
        step += 1
    order = [ranges[i * step % len(ranges)] for i in range(len(ranges))]
    return order if len(set(order)) == len(ranges) else ranges


def update_sql(ranges, version):
    statements = ["SET time_zone = '+00:00';"]
    for begin, end in ranges:
        v = f"id + {version}"
        statements.append(
            f"UPDATE bench.rows SET kind = ({v}) % 1000, code = MD5({v}), amount = ({v}) % 1000000 / 100, "
            f"at = FROM_UNIXTIME(1700000000 + {v}), note = MD5({v} + 1) WHERE id BETWEEN {begin} AND {end};")
    return "\n".join(statements)
