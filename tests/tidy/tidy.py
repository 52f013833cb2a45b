#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules of the tree that a compiler does not check. Prints file:line: what, and exits 1 if there is anything.

A long function or file may stay if a comment `// tidy: reason` says why: on the line before the function or in its head,
or in the first twelve lines of the file.
"""
import os
import re
import sys

HEADER_LINES, SOURCE_LINES, FUNCTION_LINES = 300, 800, 70
CODE = (".h", ".cc")
TEXT = CODE + (".md", ".txt", ".py", ".sh", ".cmake", ".json", ".yaml", ".yml", ".sql")
# Everybody writes these; what is generated or private stays out.
TOP = ("src", "tests", "tools", "cmake", "docs", "benchmarks", ".ci", "CHANGELOG.d", "console")

# (pattern, folders where it is allowed, instead). Matched without comments and strings.
BANNED = [
    (r"\bstd::w?regex\b|#\s*include\s*<regex>", (), "RE2"),
    (r"\bsleep_(for|until)\b|\b(u|nano)sleep\s*\(|(?<![\w.:>])sleep\s*\(", ("src/base/",),
     "Context::wait_for, or wait_until in tests"),
    (r"\b(system|steady|high_resolution)_clock::now\b|\b(clock_gettime|gettimeofday)\s*\(|\btime\s*\(\s*(nullptr|NULL|0)\s*\)",
     ("src/base/clock.cc",), "base/clock.h"),
    (r"\b(secure_)?getenv\s*\(", ("src/base/", "src/config/secrets.cc", "src/server/", "tests/", "benchmarks/"), "an option"),
    (r"(?<![\w.:>])s?rand\s*\(|\bstd::s?rand\b", (), "a seeded generator"),
    (r"\bstd::(cout|cerr|clog|cin)\b|#\s*include\s*<iostream>", (), "base/log.h or fmt::print"),
    (r"\busing\s+namespace\s+(?!std::(\w+::)*\w*literals\b)", (), "a using-declaration"),
]
# In every text file, comments included. Written in pieces so that this file passes its own check.
WORDS = [
    (r"\bFIX" r"ME\b", "unfinished work may not be committed"),
    (r"\bnot " r"implemented\b", "say what is refused and what to do instead"),
    (r"\bTO" r"DO\b(?!\(#\d+\))", "needs an issue: TO" r"DO(#12): what and why"),
    (r"/(wo" r"rk|home|root)/[\w.]", "a path of somebody's machine"),
    (r"\b(deb\.debian" r"\.org|pypi\.(org|python)|registry\.npmjs|repo1?\.maven|proxy\.golang)", "the host of a package registry"),
]


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def blank(text):
    """The text with comments and literals replaced by spaces; line breaks stay."""
    pattern = r'R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Za-z_])\'(?:\\.|[^\'\\\n])+\''
    return re.sub(pattern, lambda match: re.sub(r"[^\n]", " ", match.group()), text, flags=re.S)


def folder_of(path):
    """src/connectors/mysql/x.cc -> connectors/mysql; src/base/x.cc -> base; src/connectors/all.cc -> connectors."""
    parts = path.split("/")[1:-1]
    return "/".join(parts[:2]) if parts[:1] == ["connectors"] else "/".join(parts[:1])


def functions(text):
    """(first line, last line) of each function body that is not inside another one, both 1-based, with its head."""
    found, stack, head_start, head = [], [], None, ""
    line = 1
    for char in text:
        if char == "{":
            inside = any(kind == "function" for kind, _ in stack)
            words = head.strip()
            if re.match(r"(inline\s+)?namespace\b|extern\s*$", words):
                kind = "container"
            elif re.search(r"(^|\s|>)(class|struct|union|enum)\b[^()]*$", words) and not words.endswith("="):
                kind = "container"
            elif not inside and "(" in words and not re.search(r"[=,(]\s*$", words):
                kind = "function"
            else:
                kind = "other"
            stack.append((kind, head_start if head_start is not None else line))
            head, head_start = "", None
        elif char == "}":
            if stack:
                kind, start = stack.pop()
                if kind == "function":
                    found.append((start, line))
            head, head_start = "", None
        elif char == ";":
            head, head_start = "", None
        else:
            if head_start is None and not char.isspace():
                head_start = line
            head += char
        if char == "\n":
            line += 1
            if head.strip().startswith("#") and not head.rstrip("\n").endswith("\\"):
                head, head_start = "", None
            elif head.strip() in ("public:", "private:", "protected:"):
                head, head_start = "", None
    return found


class Tidy:
    def __init__(self, root):
        self.root = root
        self.problems = []
        self.files = sorted(self.find_files())
        self.layers = self.read_layers()

    def find_files(self):
        for name in os.listdir(self.root):
            if os.path.isfile(os.path.join(self.root, name)) and (name.endswith(TEXT) or name == "dev"):
                yield name
        for top in TOP:
            for folder, folders, names in os.walk(os.path.join(self.root, top)):
                folders[:] = [name for name in folders if name not in ("node_modules", "dist", "__pycache__", "corpus")]
                for name in names:
                    if name.endswith(TEXT) or top == ".ci":
                        yield os.path.relpath(os.path.join(folder, name), self.root)

    def report(self, path, line, what):
        self.problems.append(f"{path}:{line}: {what}")

    def read_layers(self):
        layers = {}
        path = os.path.join(self.root, "src/layers.txt")
        for number, line in enumerate(read(path).splitlines(), 1) if os.path.exists(path) else []:
            if line.strip() and not line.startswith("#"):
                folder, _, allowed = line.partition(":")
                layers[folder] = set(allowed.split())
                for name in allowed.split():
                    if name not in layers:
                        self.report("src/layers.txt", number, f"'{name}' is not listed above '{folder}', or not at all")
        return layers

    def run(self):
        for path in self.files:
            text = read(os.path.join(self.root, path))
            self.check_words(path, text)
            if path.endswith(CODE):
                code = blank(text)
                self.check_code(path, code)
                self.check_sizes(path, text, code)
                self.check_includes(path, text)
            if path.endswith(CODE + (".py", ".sh")) or path in ("dev", ".ci/run"):
                self.check_head(path, text)
        self.check_architecture()
        return self.problems

    def check_words(self, path, text):
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, why in WORDS:
                if re.search(pattern, line):
                    self.report(path, number, f"'{re.search(pattern, line).group()}': {why}")

    def check_code(self, path, code):
        for number, line in enumerate(code.splitlines(), 1):
            for pattern, allowed, instead in BANNED:
                match = re.search(pattern, line)
                if match and not path.startswith(allowed or ("/",)):
                    self.report(path, number, f"'{match.group().strip()}' is banned here; use {instead}")

    def check_head(self, path, text):
        lines = text.splitlines()[:3]
        if lines and lines[0].startswith("#!"):
            lines = lines[1:]
        mark = "//" if path.endswith(CODE) else "#"
        if not lines or lines[0] != f"{mark} SPDX-License-Identifier: Apache-2.0":
            self.report(path, 1, "the first line names the licence: SPDX-License-Identifier: Apache-2.0")
        if path.endswith(".h"):
            if len(lines) < 2 or not lines[1].startswith("//"):
                self.report(path, 2, "a header opens with what it is, how long it lives and which threads may use it")
            if "\n#pragma once\n" not in text:
                self.report(path, 1, "no #pragma once")

    def check_sizes(self, path, text, code):
        lines = text.splitlines()
        limit = HEADER_LINES if path.endswith(".h") else SOURCE_LINES
        if len(lines) > limit and not any("// tidy: " in line for line in lines[:12]):
            self.report(path, limit + 1, f"{len(lines)} lines; at most {limit}, or a reason: // tidy: ...")
        for first, last in functions(code):
            if last - first + 1 > FUNCTION_LINES and "// tidy: " not in "\n".join(lines[max(0, first - 2):first + 3]):
                self.report(path, first, f"a function of {last - first + 1} lines; at most {FUNCTION_LINES}, or a reason: // tidy: ...")

    def check_includes(self, path, text):
        roots = ["src"] if path.startswith("src/") and not path.endswith("_test.cc") else ["src", "tests", "benchmarks"]
        own = folder_of(path) if path.startswith("src/") else None
        if own is not None and self.layers and own not in self.layers:
            self.report(path, 1, f"src/layers.txt does not list '{own}'")
        for number, line in enumerate(text.splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if not match:
                continue
            name = match.group(1)
            if not any(os.path.exists(os.path.join(self.root, root, name)) for root in roots):
                self.report(path, number, f'"{name}" is not a file under {" or ".join(roots)}')
            elif own in self.layers and os.path.exists(os.path.join(self.root, "src", name)):
                other = folder_of("src/" + name)
                if other != own and other not in self.layers[own]:
                    self.report(path, number, f"{own} may not include from {other} (src/layers.txt)")

    def check_architecture(self):
        path = os.path.join(self.root, "ARCHITECTURE.md")
        if not os.path.exists(path):
            return
        text = read(path)
        if text.count("\n") > 300:
            self.report("ARCHITECTURE.md", 301, "at most 300 lines")
        rows = re.findall(r"^\| `src/([\w/]+)` \|", text, flags=re.M)
        for folder in sorted(self.layers):
            if rows.count(folder) != 1:
                self.report("ARCHITECTURE.md", 1, f"{rows.count(folder)} rows for src/{folder}; one is needed")
        for folder in sorted(set(rows) - set(self.layers)):
            self.report("ARCHITECTURE.md", 1, f"src/{folder} is not in src/layers.txt")
        tests = set()
        for name in self.files:
            if name.endswith("_test.cc"):
                content = read(os.path.join(self.root, name))
                tests.update(".".join(found) for found in re.findall(r"\bTEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\s*\)", content))
        for name in re.findall(r"`(\w+Test\.\w+)`", text):
            if name not in tests:
                self.report("ARCHITECTURE.md", 1, f"there is no test {name}")


if __name__ == "__main__":
    found = Tidy(sys.argv[1] if len(sys.argv) > 1 else ".").run()
    print("\n".join(found) if found else "tidy: nothing to say")
    sys.exit(1 if found else 0)
