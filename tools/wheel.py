"""Build a wheel and check what is inside: exactly the modules of both packages, importable, with the command.

    python tools/wheel.py                # build dist/*.whl from a copy of the sources, then check it
    python tools/wheel.py dist/X.whl     # check one that is already built
"""
import argparse, shutil, subprocess, sys, tempfile, zipfile
from pathlib import Path

from common import ROOT, START, cfg, libs, shown

PROBE = "import sys; sys.path.insert(0, sys.argv[1])\nfor lib in sys.argv[2:]: assert __import__(lib).__file__.startswith(sys.argv[1]), lib"
FILES = ["settings.ini", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"]


def build():
    "The path of a new wheel. Built from a copy, since setuptools would add what an earlier build left in build/."
    with tempfile.TemporaryDirectory() as d:
        for name in FILES: shutil.copy(ROOT / name, d)
        for lib in libs: shutil.copytree(ROOT / lib, Path(d) / lib, ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run([sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--wheel-dir", d, d], check=True)
        (made,) = Path(d).glob("*.whl")
        (ROOT / "dist").mkdir(exist_ok=True)
        return Path(shutil.copy(made, ROOT / "dist"))


def problems(wheel):
    "All that is wrong with a wheel."
    names = zipfile.ZipFile(wheel).namelist()
    info = f"{cfg.lib_name}-{cfg.version}.dist-info"
    want = {p.relative_to(ROOT).as_posix() for lib in libs for p in (ROOT / lib).rglob("*.py")}
    have = {n for n in names if not n.startswith(f"{info}/")}
    bad = [f"missing: {n}" for n in sorted(want - have)] + [f"unexpected: {n}" for n in sorted(have - want)]
    bad += [f"missing: {info}/{n}" for n in ("METADATA", "entry_points.txt") if f"{info}/{n}" not in names]
    if subprocess.run([sys.executable, "-I", "-c", PROBE, str(wheel), *libs]).returncode: bad.append("the packages cannot be imported from it")
    return bad


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("wheel", nargs="?", help="a wheel to check (default: build one)")
    a = p.parse_args()
    wheel = (START / a.wheel).resolve() if a.wheel else build()
    if not wheel.is_file(): sys.exit(f"{wheel}: no such file")
    bad = problems(wheel)
    print(*bad, f"{shown(wheel)}: {len(bad)} problems", sep="\n")
    return bool(bad)


if __name__ == "__main__": sys.exit(main())
