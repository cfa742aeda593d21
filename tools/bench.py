"""Measure our renderers beside their peers: time, memory and accuracy, side by side in one run.

Every contestant is a process of its own that answers requests, a line of JSON each, on its standard input and is idle otherwise. The
peers (ITK-RTK, nanodrr, published DiffDRR) get virtual environments of their own, made at the first run. All are given the same volume,
the same poses and the same number of threads, and take turns: one round lets each of them render each case before the next begins.

    python tools/bench.py --out bench.json           # all of it: most of an hour, on a machine with nothing else to do
    python tools/bench.py --quick --peers ""         # a minute's worth, ours only, on the phantom: does it still work?
    python tools/bench.py --only time --sizes 200    # one part, one size of picture
"""
import argparse, gc, json, math, os, platform, subprocess, sys, tempfile, time, venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = {"rtk": ["itk-rtk==2.7.0.post1"], "nanodrr": ["nanodrr==0.1.7"], "diffdrr": ["diffdrr==0.6.1"]}
# contestant: who, how the volume is read between voxel centres, samples of a ray (None: exact)
CONTESTANTS = {
    "ours: Siddon": ("ours", "siddon", None), "ours: trilinear, exact": ("ours", "trilinear", None),
    "ours: trilinear, 500": ("ours", "trilinear", 500),
    "ITK-RTK: Joseph": ("rtk", "joseph", None), "nanodrr: trilinear, 500": ("nanodrr", "trilinear", 500),
    "DiffDRR 0.6.1: Siddon": ("diffdrr", "siddon", None), "DiffDRR 0.6.1: trilinear, 500": ("diffdrr", "trilinear", 500),
}
OPS = {  # what is timed, and who offers it
    "forward": {"ours", "rtk", "nanodrr", "diffdrr"},  # the picture
    "sums": {"ours"},  # the picture, and for every pixel the six derivatives to the ends of its ray
    "pose": {"ours", "nanodrr", "diffdrr"},  # the picture, and the gradient of its sum to the pose
    "volume": {"ours", "nanodrr", "diffdrr"},  # the picture, and the gradient of its sum to the volume
    "adjoint": {"ours", "rtk"},  # only the way back, from a picture to the volume
    "forward each": {"ours"}, "sums each": {"ours"},  # the pictures of a batch, one call after the other
}
SDD, FIELD, DISTANCE = 1020.0, 400.0, 850.0  # source to panel, panel's side, source to isocentre; mm
PARTS = "accuracy,time,growth,bounds,drift,memory,first"
EXACT = "ours: Siddon", "ours: trilinear, exact"
VIEWS = {"AP": (0, 0, 0), "lateral": (90, 0, 0), "35°, 12°": (35, 12, 0), "45°": (45, 0, 0)}  # ZXY, degrees


# ---- geometry: camera to world, our camera (x to the left of the picture, y up, z to the panel) -------------------------------------
def pose(angles):
    "The camera of a view, 4×4: turned about z, x, y from an AP view, looking at the middle of the volume."
    import numpy as np
    c, s = zip(*[(math.cos(math.radians(a)), math.sin(math.radians(a))) for a in angles])
    z = np.array([[c[0], -s[0], 0], [s[0], c[0], 0], [0, 0, 1]])
    x = np.array([[1, 0, 0], [0, c[1], -s[1]], [0, s[1], c[1]]])
    y = np.array([[c[2], 0, s[2]], [0, 1, 0], [-s[2], 0, c[2]]])
    R, out = z @ x @ y, np.eye(4)
    out[:3, 3] = R @ [0, DISTANCE, 0]
    out[:3, :3] = R @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    return out


def poses(view, batch):
    "The cameras of a batch: the view, and others some degrees beside it."
    return [pose([a + 2 * i * (1, 0.5, 0.25)[k] for k, a in enumerate(VIEWS[view])]).tolist() for i in range(batch)]


# ---- contestants ----------------------------------------------------------------------------------------------------------------
class Contestant:
    "Keeps a volume; turns a case into a function without arguments that does what is to be timed."

    def load(self, density, affine): raise NotImplementedError
    def task(self, case): raise NotImplementedError
    def versions(self): return {}


class Torch(Contestant):
    "One that is written in PyTorch: it says how to render, the gradients are alike for all."

    def __init__(self, threads):
        import torch
        torch.set_num_threads(threads)
        self.torch = torch

    def setup(self, case): raise NotImplementedError  # returns render(), the tensor of the pose, the tensor of the volume

    def task(self, case):
        torch, op = self.torch, case["op"]
        if op.endswith(" each"):
            calls = [self.task(case | dict(op=op.removesuffix(" each"), poses=[pose])) for pose in case["poses"]]
            return lambda: [call() for call in calls][-1]
        render, matrix, volume = self.setup(case)
        matrix.requires_grad_(op in ("sums", "pose")); volume.requires_grad_(op in ("volume", "adjoint"))
        wanted = [x for x in (matrix, volume) if x.requires_grad]
        if op == "adjoint":
            out = render()
            y = torch.ones_like(out)
            return lambda: torch.autograd.grad(out, wanted, y, retain_graph=True)[0]
        def run():
            with torch.set_grad_enabled(op != "forward"): out = render()
            if op in ("pose", "volume"): torch.autograd.grad(out.sum(), wanted)
            return out
        return run

    def number(self, image): return image.detach().numpy()


class Ours(Torch):
    def load(self, density, affine):
        from diffdrr.data import read
        self.subject = read(self.torch.from_numpy(density), affine=affine, density="raw", orientation=None, center_volume=False)

    def setup(self, case):
        from diffdrr.drr import DRR
        from diffdrr.pose import RigidTransform
        dtype, size = getattr(self.torch, case.get("dtype", "float32")), case["size"]
        drr = DRR(self.subject, sdd=SDD, height=size, delx=FIELD / size, renderer=case["model"]).to(dtype)
        drr.density = drr.density.detach()
        options = dict(n_points=case["points"]) if case["points"] else {}
        camera = RigidTransform(self.torch.tensor(case["poses"], dtype=dtype))
        return lambda: drr(camera, **options), camera.matrix, drr.density

    def versions(self):
        import numba
        return dict(numba=numba.__version__)


class Published(Torch):
    def load(self, density, affine):
        import torchio
        image = torchio.ScalarImage(tensor=self.torch.from_numpy(density)[None], affine=affine)
        self.subject = torchio.Subject(volume=image, density=image, mask=None, fiducials=None, orientation=None, reorient=self.torch.eye(4))

    def setup(self, case):
        from diffdrr.drr import DRR
        from diffdrr.pose import RigidTransform
        drr = DRR(self.subject, sdd=SDD, height=case["size"], delx=FIELD / case["size"], renderer=case["model"])
        drr.density = drr.density.detach()
        options = dict(n_points=case["points"]) if case["points"] else {}
        matrix = self.torch.tensor(case["poses"], dtype=self.torch.float32)
        return lambda: drr(RigidTransform(matrix), **options), matrix, drr.density


class Nano(Torch):
    def load(self, density, affine):
        import torchio
        from nanodrr.data import Subject
        image = torchio.ScalarImage(tensor=self.torch.from_numpy(density)[None], affine=affine)
        self.subject = Subject.from_images(image, convert_to_mu=False)

    def setup(self, case):
        from nanodrr.drr import DRR
        torch, size = self.torch, case["size"]
        drr = DRR.from_carm_intrinsics(SDD, FIELD / size, FIELD / size, 0.0, 0.0, size, size, dtype=torch.float32)
        turn = torch.diag(torch.tensor([-1.0, -1.0, 1.0, 1.0]))  # its camera's x runs to the right and y down
        matrix = torch.tensor(case["poses"], dtype=torch.float32) @ turn
        subject, n = self.subject, case["points"]
        subject._image_hu = subject._image_hu.detach()
        if len(matrix) > 1: drr = self.batched(drr, len(matrix))
        return lambda: drr(subject, matrix, n_samples=n), matrix, subject._image_hu

    def batched(self, drr, batch):
        return type(drr)(drr.k_inv.expand(batch, 3, 3), drr.sdd.expand(batch), drr.height, drr.width)


class RTK(Contestant):
    def __init__(self, threads):
        import itk
        from itk import RTK as rtk
        itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(threads)
        self.itk, self.rtk, self.kind = itk, rtk, itk.Image[itk.F, 3]

    def load(self, density, affine):
        import numpy as np
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        self.volume = self.itk.image_from_array(np.ascontiguousarray(density.transpose(2, 1, 0)))
        self.volume.SetSpacing(spacing.tolist())
        self.volume.SetOrigin(affine[:3, 3].tolist())
        self.volume.SetDirection(self.itk.matrix_from_array(affine[:3, :3] / spacing))

    def task(self, case):
        import numpy as np
        itk, rtk, size = self.itk, self.rtk, case["size"]
        geometry = rtk.ThreeDCircularProjectionGeometry.New()
        for m in np.array(case["poses"]):  # source, middle of the panel, and the directions of its columns and rows
            x, y, z, middle = m[:3, 0], m[:3, 1], m[:3, 2], m[:3, 3]
            vector = lambda v: itk.Vector[itk.D, 3](v.tolist())
            point = lambda v: itk.Point[itk.D, 3](v.tolist())
            taken = geometry.AddProjection(point(middle), point(middle + SDD * z), vector(x), vector(-y))
            if not taken: raise RuntimeError("RTK refused the geometry")
        film = itk.image_from_array(np.full((len(case["poses"]), size, size), float(case["op"] == "adjoint"), np.float32))
        film.SetSpacing([FIELD / size, FIELD / size, 1.0])
        film.SetOrigin([-FIELD / size * (size - 1) / 2] * 2 + [0.0])
        if case["op"] == "adjoint":
            empty = itk.image_from_array(np.zeros_like(itk.array_view_from_image(self.volume)))
            empty.CopyInformation(self.volume)
            action = rtk.JosephBackProjectionImageFilter[self.kind, self.kind].New(empty, film, Geometry=geometry)
        else: action = rtk.JosephForwardProjectionImageFilter[self.kind, self.kind].New(film, self.volume, Geometry=geometry)
        action.InPlaceOff()
        def run():
            action.Modified()
            action.Update()
            return action.GetOutput()
        return run

    def number(self, image): return self.itk.array_from_image(image)[:, None, :, ::-1]  # our columns run the other way

    def versions(self): return dict(itk=self.itk.Version.GetITKVersion())


KINDS = {"ours": Ours, "rtk": RTK, "nanodrr": Nano, "diffdrr": Published}


# ---- the process of a contestant ------------------------------------------------------------------------------------------------
def resident(reset=False):
    "Bytes of memory in use and at the peak; the peak is forgotten on request, where the system can do that."
    try:
        if reset: Path("/proc/self/clear_refs").write_text("5")
        lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return [int(lines[k].split()[0]) * 1024 for k in ("VmRSS", "VmHWM")]
    except (OSError, KeyError):
        import resource
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return [peak, peak]


def answer(state, do, **request):
    "What a contestant's process replies to one request."
    import numpy as np
    if do == "start":
        start = time.perf_counter()
        state["it"] = KINDS[request["who"]](request["threads"])
        return dict(seconds=time.perf_counter() - start, versions=state["it"].versions())
    if do == "load":
        with np.load(request["path"]) as f: return state["it"].load(f["density"], f["affine"])
    if do == "render":
        gc.collect()
        run, seconds = state["it"].task(request["case"]), []
        before, _ = resident(reset=True)
        for _ in range(request.get("repeat", 1)):
            start = time.perf_counter()
            out = run()
            seconds.append(time.perf_counter() - start)
            if _ + 1 < request.get("repeat", 1): del out
        reply = dict(seconds=seconds, bytes=resident()[1] - before)
        if "save" in request: np.save(request["save"], state["it"].number(out))
        return reply
    return SPECIAL[do](**request)


def serve():
    "Answer requests until there are no more. What libraries print goes to standard error."
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    state = {}
    for line in sys.stdin:
        try: reply = answer(state, **json.loads(line)) or {}
        except Exception as e: reply = dict(error=f"{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}")
        print(json.dumps(reply), file=replies, flush=True)


class Process:
    "A contestant's process, seen from here."

    def __init__(self, who, a, **env):
        env = {**os.environ, **{f"{x}_NUM_THREADS": str(a.threads) for x in ("OMP", "MKL", "OPENBLAS", "NUMBA")}, **env}
        env.pop("PYTHONPATH", None)
        if who == "ours": env["PYTHONPATH"] = str(ROOT)
        self.who, self.log = who, tempfile.TemporaryFile("w+")
        self.child = subprocess.Popen([python_of(who, a), __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                      text=True, env=env, cwd=tempfile.gettempdir())
        self.started = self.ask("start", who=who, threads=a.threads)

    def ask(self, do, **request):
        "Send a request and wait for its answer; an error there is an error here."
        try:
            print(json.dumps(dict(do=do, **request)), file=self.child.stdin, flush=True)
            line = self.child.stdout.readline()
        except BrokenPipeError: line = ""
        if not line:
            self.log.seek(0)
            raise RuntimeError(f"{self.who} ended with status {self.child.wait()}: {self.log.read()[-500:]}")
        reply = json.loads(line)
        if "error" in reply: raise RuntimeError(f"{self.who}: {reply['error']}")
        return reply

    def __enter__(self): return self

    def __exit__(self, *_):
        self.child.stdin.close()
        try: self.child.wait(20)
        except subprocess.TimeoutExpired: self.child.kill()
        self.log.close()


def python_of(who, a):
    "The Python that runs a contestant; the environment of a peer is made if it is not there."
    if who == "ours": return sys.executable
    folder = a.envs / who
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "installed").exists():
        print(f"making {folder} with {' '.join(PEERS[who])}", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", *PEERS[who]], check=True)
        (folder / "installed").touch()
    return str(python)


# ---- what only our process can tell -----------------------------------------------------------------------------------------------
def machine_limits(threads):
    "Bytes copied and voxels gathered in a second, by all threads together."
    import numpy as np
    from concurrent.futures import ThreadPoolExecutor
    from diffdrr.lanes import LANES, below, gather, int_lanes, load, store, to_int
    from diffdrr.tracing import numba

    @numba.njit(nogil=True)
    def gathers(table, index, out, rounds):
        i = to_int(load(index, 0))
        mask = below(i, int_lanes(len(table)))
        a = b = c = d = load(out, 0)
        for r in range(rounds):  # four independent sums, so that no addition waits for another
            at = i + int_lanes(r % 64)
            a, b = a + gather(table, at, mask), b + gather(table, at + 256, mask)
            c, d = c + gather(table, at + 512, mask), d + gather(table, at + 768, mask)
        store(out, 0, a + b + c + d)

    table, index, rounds = np.ones(2048, np.float32), np.arange(LANES, dtype=np.float32) * 7, 1_000_000
    source = [np.ones(2**25, np.float32) for _ in range(threads)]  # 128 MB each: none of it stays in a cache
    target = [np.zeros_like(s) for s in source]
    def fastest(f, jobs):
        times = []
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(7):
                start = time.perf_counter()
                list(pool.map(f, *jobs))
                times.append(time.perf_counter() - start)
        return min(times)
    outs = [np.zeros(LANES, np.float32) for _ in range(threads)]
    gathers(table, index, outs[0], 1)
    per_second = 4 * LANES * rounds * threads / fastest(lambda out: gathers(table, index, out, rounds), [outs])
    read = threads * source[0].nbytes / fastest(lambda s: s.max(), [source])
    return dict(copy=2 * threads * source[0].nbytes / fastest(np.copyto, [target, source]), read=read, gathers=per_second, lanes=LANES)


def traffic(path, case):
    "What the rays of a case need: crossed voxels, and lines of memory (64 bytes) that at least one of them touches."
    import numpy as np
    with np.load(path) as f: shape, affine = f["density"].shape, f["affine"]
    size, m = case["size"], np.array(case["poses"][0])
    u = (np.arange(size) - (size - 1) / 2) * FIELD / size
    lines, crossings, inverse = np.zeros(math.prod(shape) // 16 + 1, bool), 0, np.linalg.inv(affine)
    source = inverse[:3, :3] @ m[:3, 3] + inverse[:3, 3] + 0.5  # cell coordinates: voxel i spans [i, i + 1)
    for v in u:
        local = np.stack([-u, np.full(size, -v), np.full(size, SDD), np.ones(size)])
        ray = (inverse @ m @ local)[:3].T + 0.5 - source
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.sort(np.stack([-source / ray, (np.array(shape) - source) / ray]), axis=0)
        a, b = np.clip(np.nanmax(ends[0], 1), 0, 1)[:, None], np.clip(np.nanmin(ends[1], 1), 0, 1)[:, None]
        hit = (b > a)[:, 0]
        ray, a, b = ray[hit], a[hit], b[hit]
        crossings += int(np.abs(np.floor(source + b * ray) - np.floor(source + a * ray)).sum() + len(ray))
        t = a + (b - a) * np.linspace(0, 1, 2 * max(shape))[None]
        cells = [np.clip((source[k] + t * ray[:, k : k + 1]).astype(np.int32), 0, shape[k] - 1) for k in range(3)]
        lines[((cells[0] * shape[1] + cells[1]) * shape[2] + cells[2]) // 16] = True
    return dict(crossings=crossings, bytes=int(lines.sum()) * 64)


def drift(n, rays=2000):
    "Largest error of float32 integrals through n³ voxels a(x) + b(y) + c(z), whose integrals are known, relative to the largest of them."
    import numpy as np
    import torch
    from diffdrr.kernels import line_integrals
    rng = np.random.default_rng(0)
    parts = rng.integers(0, 256, (3, n)) / 256.0  # sums of three are exact in float32
    ends = rng.uniform(1, n - 1, (2, rays, 3)).astype(np.float32)  # inside, away from the border
    x, y, z = parts.astype(np.float32)
    volume = torch.from_numpy(x[:, None, None] + (y[:, None] + z))
    errors = {}
    for model in ("siddon", "trilinear"):
        with torch.no_grad(): got = line_integrals(volume, *torch.from_numpy(ends)[:, None], model=model)[0, 0].double().numpy()
        want = sum(mean_between(f, *ends[..., k].astype(np.float64), model) for k, f in enumerate(parts))
        errors[model] = float(np.abs(got - want).max() / want.max())
    return errors


def mean_between(f, p, q, model):
    "The mean of one-dimensional voxels f between the places p and q: steps, or straight lines from centre to centre."
    import numpy as np
    edges = np.arange(len(f) + 1.0)
    if model == "siddon": total = lambda x: np.interp(x, edges, np.concatenate([[0], np.cumsum(f)]))
    else:
        def total(x):  # the trapezoids up to the last centre before x, and a piece of one
            i = np.floor(x - 0.5).astype(int)
            w, slope = x - 0.5 - i, np.diff(f, append=f[-1])
            return np.concatenate([[0], np.cumsum((f[1:] + f[:-1]) / 2)])[i] + w * f[i] + w**2 / 2 * slope[i]
    return (total(q) - total(p)) / (q - p)


SPECIAL = {"limits": machine_limits, "traffic": traffic, "drift": drift}


# ---- the parts of a run -------------------------------------------------------------------------------------------------------------
def write_volume(name, folder):
    "The file of a volume: attenuation, and the matrix from voxels to mm with the origin in the middle."
    import numpy as np
    path = folder / f"{name}.npz"
    if name == "cube":  # 512³ voxels of 0.7 mm: soft waves inside a ball
        axis = np.linspace(-1, 1, 512, dtype=np.float32)
        x, y, z = axis[:, None, None], axis[:, None], axis
        density = np.where(x**2 + y**2 + z**2 < 0.9, 0.5 + 0.5 * np.sin(9 * x) * np.cos(7 * y) * np.sin(11 * z + x), 0).astype(np.float32)
        affine = np.diag([0.7, 0.7, 0.7, 1.0])
        affine[:3, 3] = -0.7 * 511 / 2
    else:
        from diffdrr.data import load_example_ct, load_phantom
        subject = load_example_ct() if name == "ct" else load_phantom(shape=(64, 56, 64))
        density, affine = subject.density.data[0].float().numpy(), np.array(subject.volume.affine)
    np.savez(path, density=density, affine=affine)
    return str(path)


def make_case(name, op, size, view="AP", batch=1, points=None, **more):
    "What a contestant is asked to render."
    _, model, default = CONTESTANTS[name]
    return dict(op=op, size=size, poses=poses(view, batch), model=model, points=points or default, **more)


class Run:
    "One run of the benchmark: the processes, what was measured, and what was left out."

    def __init__(self, a):
        self.a, self.processes, self.volume = a, {}, None
        self.who = ["ours", *a.peers]
        self.names = [n for n, (who, *_) in CONTESTANTS.items() if who in self.who]
        self.cost = {}  # (contestant, op): seconds and bytes a ray
        self.out = dict(times=[], memory=[], first=[], growth=[], accuracy=[], traffic=[], drift=[], left_out=[])
        self.files = {}

    def file(self, volume):
        if volume not in self.files: self.files[volume] = write_volume(volume, self.a.work)
        return self.files[volume]

    def start(self, volume):
        "Let every contestant hold this volume."
        if not self.processes: self.processes = {who: Process(who, self.a) for who in self.who}
        if volume == self.volume: return
        for process in self.processes.values(): process.ask("load", path=self.file(volume))
        self.volume = volume

    def stop(self):
        for process in self.processes.values(): process.__exit__()
        self.processes, self.volume = {}, None

    def too_much(self, name, op, rays, limit=None):
        "Why a case is left out, foretold from a smaller one; None if it is not."
        seconds, used = (x * rays for x in self.cost.get((name, op), (0, 0)))
        if seconds > (limit or self.a.limit): return f"would take about {seconds:.0f} s"
        if used > self.a.memory * 1e9: return f"would need about {used / 1e9:.0f} GB"

    def render(self, name, op, size, process=None, **more):
        who = CONTESTANTS[name][0]
        keys = {k: more.pop(k) for k in ("repeat", "save") if k in more}
        return (process or self.processes[who]).ask("render", case=make_case(name, op, size, **more), **keys)

    def times(self, volume, size, view="AP", batch=1, ops=tuple(OPS), limit=None):
        "Time all contestants in turns."
        self.start(volume)
        scene, rays, entries = dict(volume=volume, size=size, view=view, batch=batch), batch * size**2, []
        names = [n for n in self.names if size < 1024 or n != "ours: trilinear, 500"]
        for name, op in [(n, op) for n in names for op in ops if CONTESTANTS[n][0] in OPS[op]]:
            why = self.too_much(name, op, rays, limit)
            if why is None:
                try: reply = self.render(name, op, size, view=view, batch=batch)  # the first is not counted
                except RuntimeError as e:
                    why = str(e)
                    if self.processes[CONTESTANTS[name][0]].child.poll() is not None: raise
            if why is not None:
                self.out["left_out"].append(dict(scene, contestant=name, op=op, why=why))
                continue
            entries.append((name, op, max(0, reply["bytes"])))
        rows = self.in_turns([dict(name=name, op=op, size=size, view=view, batch=batch) for name, op, _ in entries])
        for (name, op, used), row in zip(entries, rows):
            self.cost[name, op] = row["min"] / rays, used / rays  # the first run, which may compile, foretells nothing
            self.out["times"].append(dict(scene, contestant=name, op=op, **row))
            scores = f"{row['min'] * 1e3:9.1f} ms  (median {row['median'] * 1e3:.1f}, {row['runs']} runs)"
            print(f"{volume:8}{size:5}²  {view:9} × {batch}  {name:30} {op:12} {scores}", flush=True)
        self.save()

    def in_turns(self, cases):
        "Let cases take turns, round after round; the shortest and the median time of each, in seconds."
        found = [[] for _ in cases]
        for _ in range(self.a.rounds):
            for case, seconds in zip(cases, found):
                time.sleep(0.02)  # the threads of the one before go to sleep
                seconds += self.render(**case, repeat=max(1, min(5, int(0.15 / min(seconds)))) if seconds else 1)["seconds"]
        return [dict(min=min(s), median=sorted(s)[len(s) // 2], runs=len(s)) for s in found]

    def save(self):
        "Write down what was measured so far."
        self.out |= dict(machine=machine(self.a), claims=claims(self.out))
        if not self.a.out: return
        self.a.out.parent.mkdir(parents=True, exist_ok=True)
        self.a.out.write_text(json.dumps(self.out, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def accuracy(self, volume, size, views, points):
        "Compare every picture with the exact integral, and say what it cost."
        import numpy as np
        self.start(volume)
        path = str(self.a.work / "image.npy")
        def image(name, view, **more):
            seconds = self.render(name, "forward", size, view=view, save=path, repeat=3, **more)["seconds"]
            return np.load(path).astype(float).reshape(size, size), min(seconds)
        oracles = {"siddon": "ours: Siddon", "trilinear": "ours: trilinear, exact"}
        for view in views:
            exact = {model: image(name, view, dtype="float64")[0] for model, name in oracles.items()}
            for name in self.names:
                sampled = CONTESTANTS[name][2] is not None
                for n in points if sampled and view == views[0] else [None]:
                    got, seconds = image(name, view, points=n)
                    model = "siddon" if CONTESTANTS[name][1] == "siddon" else "trilinear"
                    row = dict(volume=volume, size=size, view=view, contestant=name, points=n or CONTESTANTS[name][2])
                    row |= dict(seconds=seconds, integral=model)
                    for kind, want in exact.items():
                        error = np.abs(got - want)
                        numbers = np.corrcoef(got.ravel(), want.ravel())[0, 1], error.max() / want.max(), np.sqrt((error**2).mean()) / want.mean()
                        row |= {f"{k}_{kind}": float(x) for k, x in zip(("ncc", "max", "rms"), numbers)}
                    self.out["accuracy"].append(row)
                    scores = f"NCC {row[f'ncc_{model}']:.6f}  error {row[f'max_{model}']:.1e} of the maximum"
                    print(f"{view:9} {name:30} {row['points'] or '':>5}  {scores}", flush=True)

    def memory(self, volume, size):
        "Peak memory above volume and picture, each in a fresh process that has rendered a small picture before."
        self.stop()
        for name, op in [(n, op) for n in self.names for op in ("forward", "sums", "pose", "volume") if CONTESTANTS[n][0] in OPS[op]]:
            if why := self.too_much(name, op, size**2):
                self.out["left_out"].append(dict(volume=volume, size=size, view="AP", batch=1, contestant=name, op=f"memory of {op}", why=why))
                continue
            with Process(CONTESTANTS[name][0], self.a) as process:
                process.ask("load", path=self.file(volume))
                self.render(name, op, 16, process)
                reply = self.render(name, op, size, process, repeat=2)
            used = reply["bytes"] - 4 * size**2
            self.cost.setdefault((name, op), (min(reply["seconds"]) / size**2, 0))  # some memory does not grow with the rays
            self.out["memory"].append(dict(volume=volume, size=size, contestant=name, op=op, bytes=used))
            print(f"{volume:8}{size:5}²  {name:30} {op:8} {used / 1e6:8.0f} MB", flush=True)

    def first(self, volume, size):
        "The first picture of a process; ours with and without compiled kernels on disk."
        self.stop()
        for name in self.names:
            with tempfile.TemporaryDirectory() as cache:
                who = CONTESTANTS[name][0]
                ops = [op for op in OPS if who in OPS[op]][:2]
                for state in ("nothing compiled", "compiled before") if who == "ours" else ("",):
                    with Process(who, self.a, NUMBA_CACHE_DIR=cache) as process:
                        process.ask("load", path=self.file(volume))
                        seconds = [self.render(name, op, size, process)["seconds"][0] for op in ops]
                    self.out["first"].append(dict(contestant=name, state=state, first=seconds[0], second=seconds[1]))
                    print(f"first call  {name:30} {state:17} {seconds[0]:.2f} s", flush=True)

    def bounds(self, volume, sizes):
        "What the machine allows, and what the rays need."
        self.start(volume)
        self.out["limits"] = self.processes["ours"].ask("limits", threads=self.a.threads)
        for size in sizes:
            need = self.processes["ours"].ask("traffic", path=self.file(volume), case=make_case("ours: Siddon", "forward", size))
            self.out["traffic"].append(dict(volume=volume, size=size, **need))
        print({k: f"{v:.3g}" for k, v in self.out["limits"].items()}, flush=True)

    def growth(self, volume, sizes):
        "Time our exact renderers at all sizes in turns, so that a change of the machine's mood bends no line."
        self.start(volume)
        cases = [dict(name=n, op=op, size=size) for n in self.names if n in EXACT for op in ("forward", "sums") for size in sizes]
        for case in cases: self.render(**case)  # not counted
        for case, row in zip(cases, self.in_turns(cases)):
            self.out["growth"].append(dict(contestant=case["name"], op=case["op"], size=case["size"], **row))
            print(self.out["growth"][-1], flush=True)

    def drifts(self, sizes):
        "Errors of float32 for larger and larger volumes."
        self.start(self.volume or "phantom")
        for n in sizes:
            if 2 * 4 * n**3 > available():
                self.out["left_out"].append(dict(volume=f"{n}³", op="drift", why="not enough memory"))
                continue
            self.out["drift"].append(dict(n=n, **self.processes["ours"].ask("drift", n=n)))
            print(self.out["drift"][-1], flush=True)


def available():
    "Bytes of memory that nobody uses; plenty where the system does not say."
    try: return 1024 * int(next(x for x in open("/proc/meminfo") if x.startswith("MemAvailable")).split()[1])
    except (OSError, StopIteration): return 2**36


# ---- what is promised -----------------------------------------------------------------------------------------------------------
def claims(out):
    "What we want to be true of the measurements, what they say, and whether it holds. A claim without measurements is not listed."
    t = {(r["volume"], r["size"], r["view"], r["batch"], r["contestant"], r["op"]): r for r in out["times"]}
    rows = []
    def claim(text, least, over, under, most=None, of=1):
        if over not in t or under not in t: return
        ratio, middle = (of * t[over][k] / t[under][k] for k in ("min", "median"))
        wanted, met = (f"≥ {least}", ratio >= least) if most is None else (f"≤ {most}", ratio <= most)
        rows.append(dict(claim=text, wanted=wanted, minimum=ratio, median=middle, met=met))
    at = lambda name, op, view="AP", batch=1, size=200: ("ct", size, view, batch, name, op)
    (S, T), joseph, nano, old = EXACT, "ITK-RTK: Joseph", "nanodrr: trilinear, 500", "DiffDRR 0.6.1: Siddon"
    claim("RTK's Joseph forward / our Siddon with the Jacobian sums", 4, at(joseph, "forward"), at(S, "sums"))
    claim("RTK's Joseph forward / our Siddon, value only", 5, at(joseph, "forward"), at(S, "forward"))
    claim("published DiffDRR, forward + backward / our Siddon with the sums", 500, at(old, "pose"), at(S, "sums"))
    claim("nanodrr, forward + backward / our Siddon with the sums", 100, at(nano, "pose"), at(S, "sums"))
    claim("RTK's Joseph forward / our exact trilinear with the sums", 2, at(joseph, "forward"), at(T, "sums"))
    claim("nanodrr, forward + backward / our exact trilinear with the sums", 75, at(nano, "pose"), at(T, "sums"))
    for name in (S, T):
        claim(f"{name}: adjoint / forward", None, at(name, "adjoint"), at(name, "forward"), 3)
        for view in list(VIEWS)[2:]:
            for op in ("forward", "sums"): claim(f"{name}, {op}: oblique {view} / AP", None, at(name, op, view), at(name, op), 2)
        for op in ("forward", "sums"): claim(f"{name}, {op}: batch of 8 / one of its poses", None, at(name, op, batch=8), at(name, f"{op} each", batch=8), 8, of=8)
    for r in out["memory"]:
        if r["size"] == 2048 and r["op"] == "forward" and r["contestant"] in (S, T):
            text, mb = f"{r['contestant']}: MB above volume and image at 2048²", r["bytes"] / 1e6
            rows.append(dict(claim=text, wanted="< 300", minimum=mb, median=mb, met=mb < 300))
    for name in (S, T):
        for op in ("forward", "sums"):
            points = [(r["size"] ** 2, r["min"], r["median"]) for r in out["growth"] if (r["contestant"], r["op"]) == (name, op)]
            if len(points) < 3: continue
            slopes = [fit([math.log(p[0]) for p in points], [math.log(p[i]) for p in points]) for i in (1, 2)]
            text = f"{name}, {op}: slope of log time over log rays from 200² on"
            rows.append(dict(claim=text, wanted="1.0 ± 0.1", minimum=slopes[0], median=slopes[1], met=abs(slopes[0] - 1) <= 0.1))
    return rows


def fit(x, y):
    "The slope of the straight line through some points."
    a, b = sum(x) / len(x), sum(y) / len(y)
    return sum((p - a) * (q - b) for p, q in zip(x, y)) / sum((p - a) ** 2 for p in x)


def machine(a):
    "Where this was measured."
    import torch
    try: cpu = next(x.split(":")[1].strip() for x in open("/proc/cpuinfo") if x.startswith("model name"))
    except (OSError, StopIteration): cpu = platform.processor()
    return dict(cpu=cpu, arch=platform.machine(), system=platform.system(), threads=a.threads, python=platform.python_version(), torch=torch.__version__,
                peers=[PEERS[p][0] for p in a.peers], date=time.strftime("%Y-%m-%d"))


def cores(): return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def measure(a):
    "Everything that was asked for. What would take long is timed for the front view of the CT only."
    run, volume, wanted = Run(a), "phantom" if a.quick else "ct", set(a.only.split(","))
    usual = min(a.sizes, key=lambda n: abs(n - (48 if a.quick else 200)))
    def scenes():
        usually = [op for op in OPS if not op.endswith(" each")]
        for size in a.sizes: run.times(volume, size, ops=[op for op in usually if size < 1024 or op != "volume"])
        if a.quick: return
        for view in list(VIEWS)[1:]: run.times(volume, usual, view, ops=("forward", "sums", "pose", "adjoint"), limit=a.limit / 4)
        run.times(volume, usual, batch=8, ops=("forward", "sums", "pose", "forward each", "sums each"), limit=a.limit / 4)
        for size in sorted({usual, min(1024, max(a.sizes))}): run.times("cube", size, ops=("forward", "sums", "pose", "volume"), limit=a.limit / 4)
    parts = dict(accuracy=lambda: run.accuracy(volume, usual, ("AP", "35°, 12°"), (100, 500) if a.quick else (50, 100, 200, 500, 1000, 2000)), time=scenes,
        growth=lambda: run.growth(volume, [s for s in a.sizes if s >= usual]), bounds=lambda: run.bounds(volume, [s for s in a.sizes if s <= 512]),
        drift=lambda: run.drifts((64,) if a.quick else (64, 128, 256, 512, 1024)),
        memory=lambda: [run.memory(volume, size) for size in sorted({usual, max(a.sizes)})], first=lambda: run.first(volume, 100))
    try:
        for name, part in parts.items():
            if name not in wanted: continue
            print(f"== {name}", flush=True)
            part()
            run.save()
    finally: run.stop()
    return run.out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--quick", action="store_true", help="a small phantom and small pictures: a test of this program, not of the renderers")
    p.add_argument("--peers", default=",".join(PEERS), help="beside ours, out of %(default)s; may be empty")
    p.add_argument("--envs", type=Path, default=ROOT / ".bench", help="folder of the peers' environments (default .bench)")
    p.add_argument("--out", type=Path, help="write the results to this file (JSON)")
    p.add_argument("--sizes", type=lambda s: [int(n) for n in s.split(",")], help="sizes of the pictures (default 100,200,512,1024,2048)")
    p.add_argument("--rounds", type=int, help="times that every contestant has its turn (default 7)")
    p.add_argument("--threads", type=int, help=f"of each contestant (default: one a core, {cores()} here; with --quick 1)")
    p.add_argument("--limit", type=float, default=20, help="leave out renderings that would take longer, in seconds (default %(default)s; a quarter beside the front view)")
    p.add_argument("--memory", type=float, default=6, help="leave out renderings that would need more, in GB (default %(default)s)")
    p.add_argument("--only", help=f"some parts, out of {PARTS} (default: all; with --quick accuracy,time,growth,drift)")
    a = p.parse_args()
    a.threads = a.threads or (1 if a.quick else cores())
    a.only = a.only or ("accuracy,time,growth,drift" if a.quick else PARTS)
    a.peers = [x for x in a.peers.split(",") if x]
    if unknown := set(a.only.split(",")) - set(PARTS.split(",")): p.error(f"unknown parts: {', '.join(sorted(unknown))}; there are {PARTS}")
    if unknown := set(a.peers) - set(PEERS): p.error(f"unknown peers: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    a.sizes, a.rounds, a.envs = a.sizes or ([32, 48] if a.quick else [100, 200, 512, 1024, 2048]), a.rounds or (2 if a.quick else 7), a.envs.resolve()
    sys.path.insert(1, str(ROOT))
    with tempfile.TemporaryDirectory() as work:
        a.work = Path(work)
        out = measure(a)
    if out.get("claims"): print("== what we want to be true: ratios of the minima (of the medians)")
    for c in out.get("claims", []): print(f"{'met   ' if c['met'] else 'MISSED'} {c['minimum']:8.2f} ({c['median']:.2f})  {c['wanted']:10} {c['claim']}")
    for x in out["left_out"]: print("left out:", ", ".join(str(v) for v in x.values()))


if __name__ == "__main__": serve() if sys.argv[1:] == ["--serve"] else main()
