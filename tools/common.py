"What the tools share: the project's folder, its settings, its notebooks, and the environment in which notebooks run."
import os, sys
from pathlib import Path

from nbdev.config import get_config
from nbdev.doclinks import nbglob

ROOT = Path(__file__).resolve().parent.parent
START = Path.cwd()  # paths on the command line are relative to this
os.chdir(ROOT)  # nbdev looks for settings.ini from here upwards
sys.path.insert(1, str(ROOT))  # this checkout's packages, installed or not
os.environ.pop("IN_TEST", None)  # nbdev would then export nothing

cfg = get_config()
libs = cfg.packages.split()


def notebooks(paths=()):
    "The notebooks under `paths` (all of the project without any), in the order of the book."
    found = []
    for path in [START / p for p in paths] or [cfg.nbs_path]:
        if not path.exists(): sys.exit(f"{path}: no such notebook or folder")
        found += [path] if path.is_file() else nbglob(path, as_path=True)
    return sorted({p.resolve() for p in found})


def shown(path):
    "`path` as a person would type it."
    return os.path.relpath(path, ROOT)


def cores():
    "The processors that this process may use."
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment(threads=None):
    "The environment for a process that runs a notebook: this checkout first, no window, and `threads` threads."
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
    env.setdefault("PYVISTA_OFF_SCREEN", "true")
    env.setdefault("PYTHONWARNINGS", "ignore:IProgress not found")  # a dependency asks for notebook widgets; bars in text do
    env.pop("MPLBACKEND", None)  # figures belong into the notebook
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        if threads: env.setdefault(name, str(threads))
    return env


def replace(path, data: bytes):
    "Write `data` to `path` in one step: who reads it at that moment sees the old file or the new one."
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(data)
    os.replace(part, path)


def update(files, check, mend):
    "Bring each of `files` ({path: bytes, or None to remove it}) up to date, or with `check` only say which are not; a tool's exit status."
    stale = [p for p, data in files.items() if (p.read_bytes() if p.is_file() else None) != data]
    for p in stale:
        print(f"{'out of date' if check else 'removed' if files[p] is None else 'written'}: {shown(p)}")
        if not check: p.unlink() if files[p] is None else replace(p, files[p])
    if check and stale: print(f"To mend it: {mend}, then commit the result.")
    return bool(check and stale)
