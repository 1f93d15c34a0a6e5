"""Header guards, and words that must not be left behind.

    conventions.py ROOT
"""

import pathlib
import re
import sys

import sources

# In two parts, so that this file does not find itself.
LEFT_BEHIND = re.compile(r"\b(" + "|".join(["TO" "DO", "FIX" "ME", "X" "XX"]) + r")\b")
BINARY_SUFFIXES = {".png", ".gz", ".ico", ".woff2", ".pdf", ".db"}


def words_left_behind(root):
    for path in sources.files_below(root):
        if path.suffix in BINARY_SUFFIXES or path.name == "LICENSE":
            continue
        for number, line in sources.numbered_lines(path):
            found = LEFT_BEHIND.search(line)
            if found:
                yield (f"{path.relative_to(root)}:{number}: '{found.group()}': "
                       "do it now, or open an issue")


def guard_of(relative):
    """kernel/cpu_mask.h -> BELFRY_KERNEL_CPU_MASK_H_"""
    return "BELFRY_" + re.sub(r"[^A-Z0-9]", "_", str(relative).upper()) + "_"


def wrong_guards(root):
    for path in sources.cpp_files_below(root):
        if path.suffix != ".h":
            continue
        relative = path.relative_to(root)
        guard = guard_of(relative)
        directives = [line.split("//")[0].split() for _, line in
                      sources.numbered_lines(path) if line.startswith("#")]
        if (directives[:2] != [["#ifndef", guard], ["#define", guard]]
                or directives[-1] != ["#endif"]):
            yield f"{relative}:1: the include guard must be {guard}"


def check(root):
    return [*words_left_behind(root), *wrong_guards(root)]


if __name__ == "__main__":
    sources.finish("conventions", check(pathlib.Path(sys.argv[1]).resolve()))
