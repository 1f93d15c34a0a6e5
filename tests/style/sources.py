"""Which files the style checks read, and how they report."""

import pathlib
import sys

SKIPPED_FOLDERS = {".git", ".ccache", "__pycache__"}


def is_build_tree(folder):
    return folder.name == "build" or (folder / "CMakeCache.txt").exists()


def files_below(root):
    """Every file of the tree in a fixed order, without build trees."""
    for path in sorted(root.iterdir()):
        if path.is_dir():
            if path.name not in SKIPPED_FOLDERS and not is_build_tree(path):
                yield from files_below(path)
        elif not path.is_symlink():
            yield path


def cpp_files_below(root):
    return [p for p in files_below(root) if p.suffix in {".h", ".cc"}]


def numbered_lines(path):
    text = path.read_text(encoding="utf-8", errors="replace")
    return enumerate(text.splitlines(), start=1)


def finish(name, errors):
    """Prints what was found and ends the program: 1 if anything was."""
    for error in errors:
        print(error)
    print(f"{name}: {len(errors)} found" if errors else f"{name}: ok")
    sys.exit(1 if errors else 0)
