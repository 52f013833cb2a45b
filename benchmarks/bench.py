# SPDX-License-Identifier: Apache-2.0
"""Macro benchmarks: `bench.py [--small] [P1 P3 ...]`. One JSON line per figure, then a table. See docs/benchmarks.md."""
import argparse
import os
import signal
import sys
import time

import applying
import cloning
import copying
import following
import whole_transactions
from measuring import Report, say

# P6 while streaming and P7 after a kill come with P5.
FIGURES = {"P1": copying.p1, "P2": copying.p2, "P3": copying.p3, "P4": applying.p4,
           "P4w": whole_transactions.p4w, "P5": following.p5, "P6": following.p6, "P7": following.p7, "P8": following.p8,
           "P9": cloning.p9}


class Bench:
    def __init__(self, arguments):
        self.sluice = os.path.abspath(arguments.sluice)
        self.binlog_decode = os.path.join(arguments.programs, "binlog_decode")
        self.slot_decode = os.path.join(arguments.programs, "slot_decode")
        self.small = arguments.small
        self.rounds = 1 if arguments.small else arguments.rounds
        self.report = Report(arguments.small)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("figures", nargs="*", metavar="P1", help="which figures; all if none is named")
    parser.add_argument("--small", action="store_true", help="tiny: only that everything runs and the copies are equal")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sluice", required=True)
    parser.add_argument("--programs", required=True, help="folder of binlog_decode and slot_decode")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.figures if name not in FIGURES]
    if unknown:
        parser.error(f"there is no figure {unknown[0]}; there are {', '.join(FIGURES)}")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    bench = Bench(arguments)
    failed = []
    for name in arguments.figures or FIGURES:
        begin = time.monotonic()
        try:
            FIGURES[name](bench)
        except (RuntimeError, AssertionError, OSError) as error:
            say(f"{name} failed: {error}")
            failed.append(name)
        say(f"{name} took {time.monotonic() - begin:.0f} s")
    bench.report.print_table()
    if failed:
        say(f"failed: {', '.join(failed)}")
        sys.exit(1)


main()
