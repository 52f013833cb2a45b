# SPDX-License-Identifier: Apache-2.0
"""Runs programs and measures them: wall time, CPU seconds, peak memory; collects figures and prints them."""
import atexit
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def say(text):
    print(text, file=sys.stderr, flush=True)


def peak_kib(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


_running = set()


@atexit.register
def _clean_up():
    for process in _running:
        process.kill()


class Program:
    """A running program. Its peak memory is sampled, because a parent's counts in the kernel's own figure."""

    def __init__(self, command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, log=None):
        self.command = command
        self.log = log
        self.peak = 0
        self.started = time.time()
        self._begin = time.monotonic()
        error = open(log, "ab") if log else subprocess.DEVNULL  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=error)
        _running.add(self.process)
        if log:
            error.close()
        self.wall = self.cpu = 0.0
        self.code = None
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()

    @property
    def pid(self):
        return self.process.pid

    def _sample(self):
        while self.code is None:
            self.peak = max(self.peak, peak_kib(self.pid))
            time.sleep(0.02)

    def wait(self):
        _, status, usage = os.wait4(self.pid, 0)
        _running.discard(self.process)
        self.wall = time.monotonic() - self._begin
        self.cpu = usage.ru_utime + usage.ru_stime
        self.code = self.process.returncode = os.waitstatus_to_exitcode(status)
        self._sampler.join()
        return self

    def check(self):
        self.wait()
        if self.code != 0:
            tail = ""
            if self.log:
                with open(self.log, encoding="utf-8", errors="replace") as file:
                    tail = "".join(file.readlines()[-15:])
            raise RuntimeError(f"{' '.join(self.command)[:300]} ended with {self.code}\n{tail}")
        return self

    def stop(self, number=signal.SIGTERM):
        self.peak = max(self.peak, peak_kib(self.pid))
        self.process.send_signal(number)
        return self.wait()


def shell(script, log=None):
    return Program(["bash", "-c", "set -euo pipefail; " + script], log=log).check()


class Job:
    """A job file of sluice with a state folder of its own."""

    def __init__(self, sluice, folder, source, sink, pipeline=(), name="bench"):
        self.sluice, self.folder = sluice, folder
        os.makedirs(folder, exist_ok=True)
        self.file = folder + "/job.yaml"
        self.log = folder + "/log"
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("\n".join(["source:", *source, "sink:", *sink, "pipeline:", f"  name: {name}",
                                  *(f"  {line}" for line in pipeline), ""]))

    def start(self, *arguments, stdout=subprocess.DEVNULL):
        return Program([self.sluice, "run", self.file, "--state", self.folder + "/state", *arguments], stdout=stdout,
                       log=self.log)

    def catch_up(self):
        return self.start("--until-caught-up").check()

    def verify(self):
        Program([self.sluice, "verify", self.file, "--state", self.folder + "/state"], log=self.log).check()

    def wait_for_log(self, text, timeout=120):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                if text in file.read():
                    return time.time()
            time.sleep(0.002)
        raise RuntimeError(f"the job did not say '{text}' within {timeout} s; see {self.log}")


def wait_until(condition, timeout=120):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("what was waited for did not happen")
        time.sleep(0.01)


def _commit():
    result = subprocess.run(["git", "-C", SOURCE, "describe", "--always", "--dirty"], capture_output=True, text=True,
                            check=False)
    return result.stdout.strip() or "unknown"


def _cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


class Report:
    def __init__(self, small):
        self.small = small
        self.rows = []
        self.machine = {"commit": _commit(), "cpu": _cpu_model(), "cores": os.cpu_count(), "small": small}

    def add(self, name, unit, rounds, *, anchor=None, anchor_name="", bar=None, ratio_bar=None, lower=False, **details):
        """`rounds` and `anchor`: one value per round, measured in turn. The bar is a value or a ratio to the anchor."""
        value = statistics.median(rounds)
        anchor_value = statistics.median(anchor) if anchor else None
        ratio = value / anchor_value if anchor_value else None
        reached = None
        if ratio_bar is not None and ratio is not None:
            reached = ratio >= ratio_bar
        elif bar is not None:
            reached = value <= bar if lower else value >= bar
        figure = {"name": name, "unit": unit, "value": round(value, 3), "anchor": anchor_value and round(anchor_value, 3),
                  "anchor_name": anchor_name or None, "ratio": ratio and round(ratio, 3),
                  "bar": bar, "ratio_bar": ratio_bar, "reached": reached,
                  "rounds": [round(one, 3) for one in rounds],
                  "anchor_rounds": [round(one, 3) for one in anchor] if anchor else None,
                  "load": round(os.getloadavg()[0], 2), **details, **self.machine}
        self.rows.append(figure)
        print(json.dumps(figure), flush=True)

    def print_table(self):
        if self.small:
            print("\ntiny sizes: these figures say only that everything runs and the copies are equal")
        head = ("figure", "value", "anchor", "ratio", "bar", "")
        lines = [head]
        for row in self.rows:
            bar = f"{row['ratio_bar']:.2f}x" if row["ratio_bar"] is not None else _number(row["bar"])
            mark = {True: "reached", False: "below", None: ""}[None if self.small else row["reached"]]
            lines.append((row["name"], f"{_number(row['value'])} {row['unit']}", _number(row["anchor"]),
                          f"{row['ratio']:.2f}x" if row["ratio"] else "-", bar, mark))
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        print()
        for line in lines:
            print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                            for i, (cell, width) in enumerate(zip(line, widths))).rstrip())


def _number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
