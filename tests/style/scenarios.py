"""Every scenario is built in, and has its section in docs/SCENARIOS.md.

    scenarios.py ROOT
"""

import pathlib
import re
import sys

import sources

PAGE = "docs/SCENARIOS.md"
LIST = "lab/CMakeLists.txt"


def text_of(root, name):
    path = root / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def check(root):
    titles = set(re.findall(r"^## (\S+)", text_of(root, PAGE), re.MULTILINE))
    built_in = text_of(root, LIST)
    files = sorted((root / "lab/scenarios").glob("*.textproto"))
    for file in files:
        relative = file.relative_to(root)
        if file.stem not in titles:
            yield f"{relative}:1: {PAGE} has no section '## {file.stem}'"
        if f"scenarios/{file.name}" not in built_in:
            yield f"{relative}:1: {LIST} does not list it"
    for title in sorted(titles - {file.stem for file in files}):
        yield f"{PAGE}: there is no scenario '{title}'"


if __name__ == "__main__":
    sources.finish("scenarios", [*check(pathlib.Path(sys.argv[1]).resolve())])
