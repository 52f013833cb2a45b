# SPDX-License-Identifier: Apache-2.0
"""readme_test.py SLUICE README.md: every job that the README shows passes `sluice validate`; every command it lists exists."""
import os
import re
import subprocess
import sys
import tempfile

sluice, readme = sys.argv[1:]
text = open(readme, encoding="utf-8").read()
failures = []


def run(*arguments):
    env = {**os.environ, "SHOP_PASSWORD": "x", "WAREHOUSE_PASSWORD": "y"}
    return subprocess.run([sluice, *arguments], capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL, timeout=30)


def validate(what, job):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "job.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(job)
        result = run("validate", path)
        if result.returncode != 0:
            failures.append(f"{what}: exit {result.returncode}\n{result.stdout}{result.stderr}\n{job}")


def blocks(job):
    """The top-level blocks of a YAML text: {"source": "source:\\n  ...", ...}."""
    return {match.group(1): match.group() for match in re.finditer(r"^(\w+):.*?(?=^\w|\Z)", job, flags=re.S | re.M)}


jobs = [blocks(job) for job in re.findall(r"^```yaml\n(.*?)^```", text, flags=re.S | re.M)]
complete = next(job for job in jobs if "source" in job and "sink" in job)
for number, job in enumerate(jobs, 1):
    validate(f"YAML {number} of README.md", "\n".join({**complete, **job}.values()))

for command in sorted(set(re.findall(r"`sluice (\w+)[ `]", text))):
    result = run(command, "--help")
    if result.returncode != 0:
        failures.append(f"sluice {command} --help: exit {result.returncode}\n{result.stderr}")

print("\n".join(failures) if failures else f"readme: {len(jobs)} examples are valid")
sys.exit(1 if failures else 0)
