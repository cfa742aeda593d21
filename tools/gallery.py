"""Write nbs/gallery.ipynb, a picture, a title and a line for every tutorial; the pictures, in nbs/images/gallery/, are the tutorials' own.

    python tools/gallery.py           # after adding, renaming or executing a tutorial
    python tools/gallery.py --check   # change nothing; fail if a tutorial is missing from the page
"""
import argparse, base64, io, sys

import nbformat
from common import cfg, update
from PIL import Image
from sidebar import TUTORIALS

PICTURES = cfg.nbs_path / "images" / "gallery"
WIDTH, HEIGHT = 360, 220  # of a thumbnail, pixels
ACROSS = 3
STYLE = """<style>
table, table tbody { display: block; border: none; }
table thead, table td:empty { display: none; }
table tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1.5rem; margin-bottom: 1.5rem; }
table td { padding: 0; border-style: none; }
table img { width: 100%; background: white; border-radius: 4px; }
</style>"""


def heading(nb) -> tuple[str, str]:
    "Title and one-line description of a notebook."
    lines = [line.strip() for line in nb.cells[0].source.splitlines() if line.strip()]
    return lines[0].lstrip("# "), lines[1].lstrip("> ")


def thumbnail(nb) -> bytes | None:
    "The first picture of a notebook that is neither tiny nor a strip, on white, as a small JPEG."
    for data in (o.data for c in nb.cells for o in c.get("outputs", ()) if "data" in o):
        for kind in ("image/jpeg", "image/png"):
            if kind not in data: continue
            image = Image.open(io.BytesIO(base64.b64decode(data[kind]))).convert("RGBA")
            if min(image.size) < 100 or image.width > 5 * image.height: continue
            page = Image.new("RGBA", image.size, "white")
            page.alpha_composite(image)
            page.thumbnail((2 * WIDTH, HEIGHT))
            middle = max(0, (page.width - WIDTH) // 2)
            card = Image.new("RGB", (WIDTH, HEIGHT), "white")
            card.paste(page.convert("RGB").crop((middle, 0, middle + min(WIDTH, page.width), page.height)), (max(0, (WIDTH - page.width) // 2), (HEIGHT - page.height) // 2))
            out = io.BytesIO()
            card.save(out, "JPEG", quality=82)
            return out.getvalue()


def gallery(check: bool) -> dict:
    "The page and its pictures, as {path: bytes}."
    files, cells = {}, ["# Tutorials\n\n> Every one is a notebook, executed on a real chest CT; what you see is what it printed.", STYLE]
    for part, names in TUTORIALS.items():
        cards = []
        for name in names:
            nb = nbformat.read(cfg.nbs_path / "tutorials" / f"{name}.ipynb", as_version=4)
            (title, line), picture, href = heading(nb), thumbnail(nb), f"tutorials/{name}.ipynb"
            shown = f"[![{title}](images/gallery/{name}.jpg)]({href})<br>" if picture else ""
            cards.append(f"{shown}**[{title}]({href})**<br>{line}".replace("|", "\\|"))
            if picture and not (check and (PICTURES / f"{name}.jpg").is_file()): files[PICTURES / f"{name}.jpg"] = picture
        cards += [""] * (-len(cards) % ACROSS)
        rows = ["| " + " | ".join(cards[i:i + ACROSS]) + " |" for i in range(0, len(cards), ACROSS)]
        cells.append("\n".join([f"## {part}", "", "|" + "   |" * ACROSS, "|" + "---|" * ACROSS, *rows]))
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text, id=f"gallery{i}") for i, text in enumerate(cells)])
    nb.metadata = {"kernelspec": {"display_name": "python3", "language": "python", "name": "python3"}}
    files[cfg.nbs_path / "gallery.ipynb"] = (nbformat.writes(nb, indent=1, ensure_ascii=False) + "\n").encode()
    return files


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--check", action="store_true", help="change nothing; fail if a tutorial is missing from the page")
    a = p.parse_args()
    return update(gallery(a.check), a.check, "run `make export`")


if __name__ == "__main__": sys.exit(main())
