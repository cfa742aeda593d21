"""Strip notebooks of what changes from run to run (execution counts, foreign metadata, object addresses), as nbdev_clean does.

    python tools/clean.py [notebook or folder ...]           # all of them without arguments
    python tools/clean.py --check [notebook or folder ...]   # change nothing; fail if one is not clean
"""
import argparse, sys

from common import notebooks, update
from execnb.nbio import dict2nb, nb2str, read_nb
from nbdev.clean import _nbdev_clean


def clean(nb):
    "A notebook, given as a dict, as the text of a clean one."
    nb = dict2nb(nb)
    _nbdev_clean(nb)
    return nb2str(nb).encode()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("paths", nargs="*", help="notebooks or folders; all of the project by default")
    p.add_argument("--check", action="store_true", help="change nothing; fail if a notebook is not clean")
    a = p.parse_args()
    return update({path: clean(read_nb(path)) for path in notebooks(a.paths)}, a.check, "run `make clean-notebooks`")


if __name__ == "__main__": sys.exit(main())
