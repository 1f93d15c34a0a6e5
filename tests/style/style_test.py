"""The style checks can fail: each is run on a small tree with planted faults.

    style_test.py SCRATCH [--compiler CXX --nm NM] [--clang-format CLANG_FORMAT]

Every fault is a file with one bad line. The check must name that file and line,
and must be content once the file is gone.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

GUARD = "#ifndef {0}\n#define {0}\n{1}\n#endif  // {0}\n"

# (check, file, content, what its report must say)
FAULTS = [
    ("layering", "kernel/a.cc", '\n#include "lab/world.h"\n',
     "kernel/a.cc:2: kernel/ may not include lab/"),
    ("layering", "kernel/a.cc", '#include "belfry/v1/node.pb.h"\n',
     "kernel/a.cc:1: kernel/ may not include proto/"),
    ("layering", "kernel/a.cc", "#include <thread>\n",
     "kernel/a.cc:1: kernel/ must stay pure"),
    ("layering", "kernel/a.cc", "#include <sys/socket.h>\n",
     "kernel/a.cc:1: kernel/ must stay pure"),
    ("layering", "kernel/a.cc", "#include <unordered_map>\n",
     "kernel/a.cc:1: kernel/ must stay pure"),
    ("layering", "kernel/a.cc", '#include "absl/container/flat_hash_map.h"\n',
     "kernel/a.cc:1: kernel/ must stay pure"),
    ("layering", "kernel/a.cc", '#include "absl/time/clock.h"\n',
     "kernel/a.cc:1: kernel/ must stay pure"),
    ("layering", "kernel/a.cc", "auto t = std::chrono::steady_clock::now();\n",
     "kernel/a.cc:1: kernel/ must stay pure"),
    ("layering", "trace/a.cc", '#include "rpc/log.h"\n',
     "trace/a.cc:1: trace/ may not include rpc/"),
    ("layering", "trace/a.cc", "#include <grpcpp/grpcpp.h>\n",
     "trace/a.cc:1: trace/ must stay free of gRPC"),
    ("layering", "lab/a.cc", '#include "belfry/v1/node.grpc.pb.h"\n',
     "lab/a.cc:1: lab/ must stay free of gRPC"),
    ("layering", "rpc/a.cc", '#include "lab/world.h"\n',
     "rpc/a.cc:1: rpc/ may not include lab/"),
    ("layering", "node/a.cc", '#include "coordinator/journal.h"\n',
     "node/a.cc:1: node/ may not include coordinator/"),
    ("layering", "coordinator/a.cc", '#include "node/node.h"\n',
     "coordinator/a.cc:1: coordinator/ may not include node/"),
    ("layering", "client/a.cc", '#include "coordinator/journal.h"\n',
     "client/a.cc:1: client/ may not include coordinator/"),
    ("layering", "rpc/a.cc", '#include "tests/support/fake.h"\n',
     "rpc/a.cc:1: rpc/ may not include tests/"),
    ("conventions", "docs/a.md", "ready\n" + "TO" + "DO: the rest\n", "docs/a.md:2:"),
    ("conventions", "rpc/a_b.h", "#pragma once\n",
     "rpc/a_b.h:1: the include guard must be BELFRY_RPC_A_B_H_"),
    ("conventions", "rpc/a_b.h", GUARD.format("BELFRY_RPC_OTHER_H_", ""),
     "rpc/a_b.h:1: the include guard must be BELFRY_RPC_A_B_H_"),
    ("scenarios", "lab/scenarios/lost.textproto", "version: 1\n",
     "lab/scenarios/lost.textproto:1: docs/SCENARIOS.md has no section '## lost'"),
    ("scenarios", "lab/scenarios/lost.textproto", "version: 1\n",
     "lab/scenarios/lost.textproto:1: lab/CMakeLists.txt does not list it"),
]

# What must not be complained about.
GOOD = {
    "kernel/cpu.h": GUARD.format("BELFRY_KERNEL_CPU_H_", '#include <vector>\n'
                                 '#include "absl/strings/str_cat.h"'),
    "kernel/cpu.cc": '#include "kernel/cpu.h"\n// No std::thread in here.\n',
    "trace/read.cc": '#include <fstream>\n#include "belfry/v1/report.pb.h"\n',
    "client/main.cc": '#include "lab/world.h"\n#include <grpcpp/grpcpp.h>\n',
    "tests/any_test.cc": '#include "coordinator/journal.h"\n',
    "lab/CMakeLists.txt": "FILES scenarios/found.textproto)\n",
    "lab/scenarios/found.textproto": "version: 1\n",
    "docs/SCENARIOS.md": "# Scenarios\n\n## found\n",
    "build/generated.cc": "#include <thread>  // " + "FIX" + "ME\n",
}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def run(check, *arguments):
    command = [sys.executable, HERE / f"{check}.py", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def expect(what, outcome, code, text):
    """Returns 1 and says so if a check did not end as it must."""
    if outcome[0] == code and text in outcome[1]:
        return 0
    print(f"{what}: wanted exit {code} and '{text}', got exit {outcome[0]} and:\n{outcome[1]}")
    return 1


def test_faults(tree):
    failures = 0
    for name, content in GOOD.items():
        write(tree / name, content)
    for check in ("layering", "conventions", "scenarios"):
        failures += expect(f"{check} on a good tree", run(check, tree), 0, "ok")
    for check, name, content, report in FAULTS:
        write(tree / name, content)
        failures += expect(f"{check} on {content!r}", run(check, tree), 1, report)
        (tree / name).unlink()
    return failures


def test_symbols(scratch, compiler, nm):
    failures = 0
    cases = [
        ("int f(int a) { return a + 1; }\n", 0, "ok"),
        ("#include <chrono>\nlong f() { return "
         "std::chrono::steady_clock::now().time_since_epoch().count(); }\n",
         1, "refers to std::chrono"),
        ("#include <cstdlib>\nchar* f() { return std::getenv(\"A\"); }\n", 1, "getenv"),
    ]
    for content, code, text in cases:
        write(scratch / "symbols.cc", content)
        subprocess.run([compiler, "-c", scratch / "symbols.cc", "-o",
                        scratch / "symbols.o"], check=True)
        outcome = run("kernel_symbols", nm, scratch / "symbols.o")
        failures += expect(f"kernel_symbols on {content!r}", outcome, code, text)
    return failures


def test_format(tree, clang_format):
    write(tree / ".clang-format", "BasedOnStyle: Google\n")
    write(tree / "rpc/a.cc", "int  f( );\n")
    failures = expect("format", run("format", clang_format, tree), 1, "rpc/a.cc: run")
    (tree / "rpc/a.cc").unlink()
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("scratch", type=pathlib.Path)
    parser.add_argument("--compiler")
    parser.add_argument("--nm")
    parser.add_argument("--clang-format")
    options = parser.parse_args()
    shutil.rmtree(options.scratch, ignore_errors=True)
    tree = options.scratch / "tree"
    failures = test_faults(tree)
    if options.nm:
        failures += test_symbols(options.scratch, options.compiler, options.nm)
    if options.clang_format:
        failures += test_format(tree, options.clang_format)
    print(f"style_test: {failures} failed" if failures else "style_test: ok")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
