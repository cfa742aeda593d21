"""Write nbs/sidebar.yml, the site's table of contents, in the order of the book.

    python tools/sidebar.py           # after adding, renaming or removing a notebook
    python tools/sidebar.py --check   # change nothing; fail if it is out of date
"""
import argparse, sys

import yaml
from common import cfg, notebooks, update

START = ["index.ipynb", "tutorials/introduction.ipynb", "tutorials/registration.ipynb"]  # to be read first, in this order
LAST = ["citation.ipynb"]
PARTS = {"Tutorials": "tutorials/", "diffdrr": "diffdrr/", "diffpose": "diffpose/", "Benchmarks": "benchmarks/"}


def contents():
    "The sidebar: what to read first, then each folder in the order of its file names."
    pages = [p.relative_to(cfg.nbs_path).as_posix() for p in notebooks()]
    first, last = ([p for p in some if p in pages] for some in (START, LAST))
    rest = [p for p in pages if p not in first + last]
    parts = {"Start here": first} | {name: [p for p in rest if p.startswith(folder)] for name, folder in PARTS.items()}
    stray = set(rest) - {p for part in parts.values() for p in part}
    if stray: sys.exit(f"{', '.join(sorted(stray))}: in no part of the book; add its folder to PARTS in tools/sidebar.py")
    return [{"section": name, "contents": part} for name, part in parts.items() if part] + last


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--check", action="store_true", help="change nothing; fail if nbs/sidebar.yml is out of date")
    a = p.parse_args()
    text = "# Written by tools/sidebar.py (make export).\n" + yaml.safe_dump({"website": {"sidebar": {"contents": contents()}}}, sort_keys=False)
    return update({cfg.nbs_path / "sidebar.yml": text.encode()}, a.check, "run `make export`")


if __name__ == "__main__": sys.exit(main())
