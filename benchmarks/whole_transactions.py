# SPDX-License-Identifier: Apache-2.0
"""P4w: the backlog of P4 applied by `apply: transactional` against `apply: parallel`, into tables of one server.

Every round each job applies the same changes, in an order that turns, so that none has the warmer cache.
"""
from applying import Backlog
from bench_table import MariadbSource
from measuring import Job, say
from private_servers import Mariadb, Postgres, temp_folder

MODES = {"transactional": ("apply: transactional", "parallelism: 4"),
         "one_writer": ("apply: transactional", "parallelism: 1"),
         "one_lane": ("apply: parallel", "parallelism: 1"),
         "four_lanes": ("apply: parallel", "parallelism: 4")}


def _route(mode):
    return ["route:", "  - source-table: bench.rows", f"    sink-table: {mode}.rows"]


def p4w(bench):
    for server, name, full in ((Postgres(), "PostgreSQL", 200_000), (Mariadb(), "MariaDB", 100_000)):
        server.fresh_database() if name == "PostgreSQL" else server.sql("CREATE DATABASE target")
        lines = server.job_lines() if name == "PostgreSQL" else server.job_lines(database="target")
        _compare(bench, server, name, lines, 4_000 if bench.small else full)


def _compare(bench, server, name, lines, rows):
    say(f"P4w: changes of {rows:,} rows and half as many new ones, by whole transactions and by lanes, to {name}")
    source = MariadbSource()
    source.fill(rows)
    jobs = {}
    for mode, pipeline in MODES.items():
        jobs[mode] = Job(bench.sluice, temp_folder(), source.job_lines(), lines + _route(mode), pipeline, name=mode)
        jobs[mode].catch_up()
    backlog = Backlog(source, rows)
    rates = {mode: [] for mode in MODES}
    cpu = {mode: [] for mode in MODES}
    for turn in range(bench.rounds):
        changes, _ = backlog.change()
        order = list(MODES)[turn % len(MODES):] + list(MODES)[:turn % len(MODES)]
        for mode in order:
            program = jobs[mode].catch_up()
            rates[mode].append(changes / program.wall)
            cpu[mode].append(round(program.cpu, 2))
    sums = {str(server.sum_of(f"{mode}.rows")) for mode in MODES}
    assert len(sums) == 1, f"the modes left different rows in {name}"
    jobs["transactional"].verify()
    bench.report.add(f"P4w apply: transactional, MariaDB -> {name}", "rows/s", rates["transactional"],
                     anchor=rates["four_lanes"], anchor_name="apply: parallel, 4 lanes",
                     one_writer_rounds=[round(rate) for rate in rates["one_writer"]],
                     one_lane_rounds=[round(rate) for rate in rates["one_lane"]], changes_last_round=changes, cpu_s=cpu)
    source.stop()
    server.stop()
