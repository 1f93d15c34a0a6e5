"""Who may include whom, and what must stay out of kernel/, trace/ and lab/.

    layering.py ROOT

The compiler does not check this: all folders share ROOT as their include path,
so any header can be included from anywhere.
"""

import pathlib
import re
import sys

import sources

# Folder -> the folders of ours that it may include besides itself. Generated
# headers count as "proto".
MAY_INCLUDE = {
    "proto": set(),
    "kernel": set(),
    "trace": {"kernel", "proto"},
    "lab": {"kernel", "trace", "proto"},
    "rpc": {"kernel", "trace", "proto"},
    "node": {"kernel", "trace", "proto", "rpc"},
    "coordinator": {"kernel", "trace", "proto", "rpc"},
    "client": {"kernel", "trace", "proto", "rpc", "lab"},
}
# Their sources may include everything, but nobody may include them.
LEAVES = {"bench", "tests"}

GRPC = re.compile(r"(grpc|grpcpp|prometheus)/|.*\.grpc\.pb\.h$")

# Abseil's strings, status, and containers whose order is no accident.
KERNEL_ABSEIL = re.compile(
    r"absl/(strings/|status/|types/|container/(inlined_vector|fixed_array)\.h$)")

# Waiting, time, chance, input and output, and containers whose order of
# iteration differs from run to run.
KERNEL_IMPURE_STD = {
    "atomic", "barrier", "chrono", "condition_variable", "csignal", "cstdio",
    "ctime", "execution", "filesystem", "fstream", "future", "iomanip", "ios",
    "iostream", "istream", "latch", "memory_resource", "mutex", "ostream",
    "print", "random", "semaphore", "shared_mutex", "spanstream", "sstream",
    "stop_token", "streambuf", "syncstream", "thread", "unordered_map",
    "unordered_set",
}

# The same by name, for what arrives through somebody else's include.
KERNEL_IMPURE_NAME = re.compile(
    r"\b(std::(thread|jthread|mutex|atomic\w*|chrono|random_device|mt19937\w*"
    r"|cout|cerr|clog|unordered_\w+)|thread_local|absl::(flat_hash|node_hash)_\w+"
    r"|rand\(\)|getenv\(|printf\(|fprintf\(|std::time\()")

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def folder_of(header):
    """The folder of ours that a quoted header belongs to, or None."""
    if header.endswith(".pb.h"):
        return None if header.startswith("google/protobuf/") else "proto"
    first = header.split("/")[0]
    return first if first in MAY_INCLUDE or first in LEAVES else None


def kernel_may_include(quote, header):
    if folder_of(header) == "kernel" or KERNEL_ABSEIL.match(header):
        return True
    # The standard library: no folder, no ".h" (those are C's or the system's).
    return (quote == "<" and "/" not in header and "." not in header
            and header not in KERNEL_IMPURE_STD)


def complaint(folder, quote, header):
    """Why `folder` may not include `header`, or None."""
    target = folder_of(header)
    if target is not None and target != folder and target not in MAY_INCLUDE[folder]:
        return f"{folder}/ may not include {target}/"
    if folder == "kernel" and not kernel_may_include(quote, header):
        return "kernel/ must stay pure"
    if folder in {"trace", "lab"} and GRPC.match(header):
        return f"{folder}/ must stay free of gRPC"
    return None


def check(root):
    errors = []
    for path in sources.cpp_files_below(root):
        relative = path.relative_to(root)
        folder = relative.parts[0]
        if folder not in MAY_INCLUDE:
            continue
        for number, line in sources.numbered_lines(path):
            include = INCLUDE.match(line)
            why = complaint(folder, *include.groups()) if include else None
            code = line.split("//")[0]
            if not include and folder == "kernel" and KERNEL_IMPURE_NAME.search(code):
                why = "kernel/ must stay pure"
            if why:
                errors.append(f"{relative}:{number}: {why}: {line.strip()}")
    return errors


if __name__ == "__main__":
    sources.finish("layering", check(pathlib.Path(sys.argv[1]).resolve()))
