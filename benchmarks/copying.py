# SPDX-License-Identifier: Apache-2.0
"""P1 log to batches and to JSON; P3 copy of a table. Each with its anchor, round by round."""
import os
import subprocess

import bench_table
from measuring import Job, Program, say, shell
from private_servers import Mariadb, Postgres, temp_folder

SNAPSHOT = {"tables": "bench.rows", "scan.startup.mode": "snapshot"}


def p1(bench):
    rows = 20_000 if bench.small else 2_000_000
    say(f"P1: a log with {rows:,} inserted rows")
    source = Mariadb()
    bench_table.fill(source, rows)
    size = sum(os.path.getsize(path) for path in source.binlogs())
    expected = [str(rows), str(rows * (rows + 1) // 2)]
    rates = {"decode": [], "decode_no_crc": [], "json": [], "text": []}

    def decode(options, key):
        out = temp_folder() + "/out"
        with open(out, "wb") as stdout:
            program = Program([bench.binlog_decode, *options, *source.binlogs()], stdout=stdout).check()
        with open(out, encoding="utf-8") as file:
            assert file.read().split()[:2] == expected, "the decoded rows are not those that were inserted"
        rates[key].append(rows / program.cpu)

    for _ in range(bench.rounds):
        decode([], "decode")
        decode(["--no-crc"], "decode_no_crc")
        folder = temp_folder()
        job = Job(bench.sluice, folder + "/job",
                  source.job_lines(tables="bench.rows", **{"scan.startup.mode": "earliest-offset"}),
                  ["  type: values", "  format: debezium-json", f"  path: {folder}/out.json"])
        program = job.catch_up()
        lines = subprocess.run(f"grep -c '\"op\":\"c\"' {folder}/out.json", shell=True, capture_output=True, text=True,
                               check=False)
        assert int(lines.stdout) == rows, f"{lines.stdout} of {rows} rows are in the JSON file"
        os.remove(folder + "/out.json")
        rates["json"].append(rows / program.cpu)
        wall = rows / program.wall
        text = shell(f"mariadb-binlog --no-defaults -v {' '.join(source.binlogs())} >/dev/null")
        rates["text"].append(rows / text.cpu)
    source.stop()
    anchor = {"anchor": rates["text"], "anchor_name": "mariadb-binlog -v"}
    bench.report.add("P1 log file -> batches", "rows/CPU-s", rates["decode"], **anchor, bar=1e6, rows=rows, log_bytes=size)
    bench.report.add("P1 log file -> batches, CRC not checked", "rows/CPU-s", rates["decode_no_crc"], **anchor, bar=1e6)
    bench.report.add("P1 server -> Debezium JSON file", "rows/CPU-s", rates["json"], **anchor, bar=6e5,
                     last_round_rows_per_s=round(wall))


def _rates(programs, rows):
    return [rows / program.wall for program in programs]


def _add_copy(bench, name, bar, rows, anchor_name, anchors, copies, server_cpu):
    for parallelism, programs in copies.items():
        bench.report.add(f"P3 {name}, parallelism {parallelism}", "rows/s", _rates(programs, rows),
                         anchor=_rates(anchors, rows), anchor_name=anchor_name,
                         ratio_bar=bar if parallelism == 1 else None, rows=rows,
                         cpu_s=[round(program.cpu, 2) for program in programs],
                         target_cpu_s=server_cpu[parallelism], anchor_target_cpu_s=server_cpu["anchor"],
                         anchor_client_cpu_s=[round(program.cpu, 2) for program in anchors])


def p3(bench):
    rows = 5_000 if bench.small else 2_000_000
    say(f"P3: copies of {rows:,} rows")
    source = Mariadb()
    bench_table.fill(source, rows)
    _copy_to_postgres(bench, source, rows)
    fewer = rows if bench.small else rows // 2
    source.sql(f"DELETE FROM bench.rows WHERE id > {fewer}")
    _copy_to_mariadb(bench, source, fewer)
    source.stop()


def _copy_to_postgres(bench, source, rows):
    target = Postgres()
    anchors, copies = [], {1: [], 2: []}
    server_cpu = {"anchor": [], 1: [], 2: []}

    def measure(key, what):
        before = target.cpu_seconds()
        program = what()
        server_cpu[key].append(round(target.cpu_seconds() - before, 2))
        return program

    columns = ", ".join(bench_table.COLUMNS)
    for number in range(bench.rounds):
        target.fresh_database()
        target.sql(bench_table.POSTGRES_DDL)
        read = " ".join(source.client) + f" --quick -NB -e \"SET time_zone = '+00:00'; SELECT {columns} FROM bench.rows\""
        write = " ".join(target.client) + f" -d target -c 'COPY anchor.rows ({columns}) FROM STDIN'"
        anchors.append(measure("anchor", lambda: shell(f"{read} | {write}")))  # pylint: disable=cell-var-from-loop
        expected = target.sql(bench_table.POSTGRES_SUM.format(table="anchor.rows"))
        assert int(expected[0][0]) == rows
        for parallelism, done in copies.items():
            target.fresh_database()
            job = Job(bench.sluice, temp_folder(), source.job_lines(**SNAPSHOT), target.job_lines(),
                      [f"parallelism: {parallelism}", "execution.runtime-mode: BATCH"])
            done.append(measure(parallelism, lambda: job.start().check()))  # pylint: disable=cell-var-from-loop
            got = target.sql(bench_table.POSTGRES_SUM.format(table="bench.rows"))
            assert got == expected, f"the copy differs: {got}, {expected}"
            if number == bench.rounds - 1 and parallelism == 1:
                job.verify()
    target.stop()
    _add_copy(bench, "copy MariaDB -> PostgreSQL", 1.2, rows, "mariadb --quick | psql COPY", anchors, copies, server_cpu)


def _copy_to_mariadb(bench, source, rows):
    target = Mariadb()
    anchors, copies = [], {1: [], 2: []}
    server_cpu = {"anchor": [], 1: [], 2: []}
    checksum = f"CHECKSUM TABLE bench.{'rows'}"

    def measure(key, what):
        before = target.cpu_seconds()
        program = what()
        server_cpu[key].append(round(target.cpu_seconds() - before, 2))
        return program

    for number in range(bench.rounds):
        target.drop_user_databases()
        read = f"mariadb-dump --no-defaults --socket={source.socket} -u root --databases bench"
        anchors.append(measure("anchor", lambda: shell(f"{read} | {' '.join(target.client)}")))  # pylint: disable=cell-var-from-loop
        assert target.sql(checksum) == source.sql(checksum), "the dump differs from its source"
        for parallelism, done in copies.items():
            target.drop_user_databases()
            target.sql("CREATE DATABASE target")
            job = Job(bench.sluice, temp_folder(), source.job_lines(**SNAPSHOT), target.job_lines(database="target"),
                      [f"parallelism: {parallelism}", "execution.runtime-mode: BATCH"])
            done.append(measure(parallelism, lambda: job.start().check()))  # pylint: disable=cell-var-from-loop
            count_and_sum = "SELECT COUNT(*), SUM(CRC32(CONCAT_WS('|', id, kind, code, amount, at, note))) FROM bench.rows"
            assert target.sql(count_and_sum) == source.sql(count_and_sum), "the copy differs from its source"
            if number == bench.rounds - 1 and parallelism == 1:
                job.verify()
    target.stop()
    _add_copy(bench, "copy MariaDB -> MariaDB", 1.5, rows, "mariadb-dump | mariadb", anchors, copies, server_cpu)
