"""Is every C++ file as clang-format would write it?

    format.py CLANG_FORMAT ROOT
"""

import pathlib
import subprocess
import sys

import sources


def check(clang_format, root):
    paths = [str(p) for p in sources.cpp_files_below(root)]
    if not paths:
        return []
    run = subprocess.run([clang_format, "--dry-run", *paths], check=True,
                         capture_output=True, text=True)
    files = sorted({line.split(":")[0] for line in run.stderr.splitlines()
                    if "-Wclang-format-violations" in line})
    return [f"{pathlib.Path(f).relative_to(root)}: run clang-format -i" for f in files]


if __name__ == "__main__":
    sources.finish("format", check(sys.argv[1], pathlib.Path(sys.argv[2]).resolve()))
