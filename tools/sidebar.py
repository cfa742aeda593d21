"""Write nbs/sidebar.yml, the site's table of contents, in the order of the book.

    python tools/sidebar.py           # after adding, renaming or removing a notebook
    python tools/sidebar.py --check   # change nothing; fail if it is out of date
"""
import argparse, sys

import yaml
from common import cfg, notebooks, update

TUTORIALS = {  # in the order of reading
    "Pictures": ["introduction", "geometry", "labels", "trilinear_or_siddon", "timing"],
    "Finding the pose": ["registration", "two_views", "unknown_start", "verdict", "landscapes", "jacobian_images", "own_data"],
    "Finding the volume": ["reconstruction"],
    "Learning the pose": ["sampling", "train", "sparse", "evaluation", "deepfluoro"],
    "Coming from the published packages": ["migrating"],
}
START = ["index.ipynb", "gallery.ipynb"]  # to be read first, in this order
LAST = ["citation.ipynb"]
PARTS = {"How to": "howto/", "diffdrr": "diffdrr/", "diffpose": "diffpose/", "Benchmarks": "benchmarks/"}


def contents():
    "The sidebar: what to read first, the tutorials, then each folder in the order of its file names."
    pages = [p.relative_to(cfg.nbs_path).as_posix() for p in notebooks()]
    parts = {"Start here": START} | {f"Tutorials: {part[0].lower()}{part[1:]}": [f"tutorials/{name}.ipynb" for name in names] for part, names in TUTORIALS.items()}
    parts |= {name: [p for p in pages if p.startswith(folder)] for name, folder in PARTS.items()}
    listed = [p for part in parts.values() for p in part] + LAST
    wrong = set(pages) ^ set(listed)
    if wrong: sys.exit(f"{', '.join(sorted(wrong))}: a notebook in no part of the book, or a part without its notebook; see the lists in tools/sidebar.py")
    return [{"section": name, "contents": part} for name, part in parts.items() if part] + LAST


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--check", action="store_true", help="change nothing; fail if nbs/sidebar.yml is out of date")
    a = p.parse_args()
    text = "# Written by tools/sidebar.py (make export).\n" + yaml.safe_dump({"website": {"sidebar": {"contents": contents()}}}, sort_keys=False)
    return update({cfg.nbs_path / "sidebar.yml": text.encode()}, a.check, "run `make export`")


if __name__ == "__main__": sys.exit(main())
