# SPDX-License-Identifier: Apache-2.0
"""Each rule of tidy.py fires on a small tree that breaks it, and stays silent on one that does not."""
import os
import tempfile
import unittest

from tidy import Tidy

HEAD = "// SPDX-License-Identifier: Apache-2.0\n"
LAYERS = "base:\nengine: base\nconnectors/a: base\nconnectors/b: base\n"


def problems(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {"src/layers.txt": LAYERS, **files}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return Tidy(root).run()


def source(text):
    return problems({"src/engine/x.cc": HEAD + text})


class TidyTest(unittest.TestCase):
    def assert_one(self, found, words):
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_a_sound_tree_has_no_problem(self):
        header = HEAD + "// What it is.\n#pragma once\n"
        self.assertEqual(problems({"src/base/b.h": header, "src/engine/x.cc": HEAD + '#include "base/b.h"\n'}), [])

    def test_an_include_against_the_arrows(self):
        header = HEAD + "// What it is.\n#pragma once\n"
        self.assert_one(problems({"src/engine/e.h": header, "src/base/x.cc": HEAD + '#include "engine/e.h"\n'}),
                        "base may not include from engine")
        self.assert_one(problems({"src/connectors/a/e.h": header, "src/connectors/b/x.cc": HEAD + '#include "connectors/a/e.h"\n'}),
                        "connectors/b may not include from connectors/a")

    def test_an_include_of_nothing(self):
        self.assert_one(source('#include "engine/gone.h"\n'), "is not a file")

    def test_a_folder_that_is_not_listed(self):
        self.assert_one(problems({"src/other/x.cc": HEAD}), "does not list 'other'")

    def test_banned_calls(self):
        for text in ("#include <regex>", "std::this_thread::sleep_for(x);", "auto t = std::chrono::steady_clock::now();",
                     'getenv("X");', "int i = rand();", "std::cout << 1;", "using namespace std;"):
            self.assert_one(source(text + "\n"), "is banned here")

    def test_banned_words_in_comments_and_literals_are_no_calls(self):
        self.assertEqual(source('// std::regex is slow\nconst char* kText = "rand()"; /* getenv( */\n'), [])

    def test_unfinished_work(self):
        self.assert_one(source("// FIX" "ME later\n"), "unfinished")
        self.assert_one(source("// TO" "DO later\n"), "needs an issue")
        self.assertEqual(source("// TO" "DO(#7): spill to disk\n"), [])
        self.assert_one(source('const char* kText = "not ' 'implemented";\n'), "say what is refused")

    def test_paths_of_a_machine_and_registries(self):
        self.assert_one(problems({"docs/a.md": "see /ho" "me/jane/notes\n"}), "machine")
        self.assert_one(problems({"docs/a.md": "from deb.debian" ".org\n"}), "registry")

    def test_heads(self):
        self.assert_one(problems({"src/base/x.cc": "int x;\n"}), "SPDX")
        self.assert_one(problems({"src/base/x.h": HEAD + "// What it is.\n"}), "#pragma once")
        self.assert_one(problems({"src/base/x.h": HEAD + "#pragma once\n" + "\n#pragma once\n"}), "a header opens")

    def test_long_functions_and_files(self):
        body = "  f();\n" * 80
        self.assert_one(source("void g(int a,\n       int b) {\n" + body + "}\n"), "a function of 83 lines")
        self.assertEqual(source("// tidy: one table\nvoid g(int a) {\n" + body + "}\n"), [])
        self.assert_one(source("class C {\n public:\n  void g() const {\n" + body + "  }\n};\n"), "a function of 82 lines")
        self.assertEqual(source("namespace a {\nclass C {\n" + "  int x;\n" * 90 + "};\n}\n"), [])
        self.assertEqual(source("constexpr int kTable[] = {\n" + "    1,\n" * 90 + "};\n"), [])
        self.assert_one(source("int x;\n" * 900), "at most 800")

    def test_architecture_has_a_row_for_each_folder_and_names_tests_that_exist(self):
        rows = "".join(f"| `src/{name}` | x |\n" for name in ("base", "engine", "connectors/a", "connectors/b"))
        test = HEAD + "TEST(JobTest, stops_in_time) {}\n"
        self.assertEqual(problems({"./ARCHITECTURE.md": rows + "`JobTest.stops_in_time`", "src/engine/j_test.cc": test}), [])
        self.assert_one(problems({"./ARCHITECTURE.md": rows + "`JobTest.never_was`"}), "there is no test")
        self.assert_one(problems({"./ARCHITECTURE.md": rows.replace("| `src/base` | x |\n", "")}), "0 rows for src/base")


if __name__ == "__main__":
    unittest.main()
