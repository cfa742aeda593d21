"Formulas of the site as MathML: the browser draws them, without a script and without another server."
import html, re

from latex2mathml.converter import convert

FORMULA = re.compile(r'<span class="math (inline|display)">\\[(\[](.*?)\\[)\]]</span>', re.S)
TEX = re.compile(r"\\[\w(\[]|\$\$")  # what text looks like that still is TeX

# What TeX knows about spaces and sizes, and the converter leaves to the browser.
RULES = [(re.compile(old), new) for old, new in (
    (r"<mi>(&#x000B1;|&#x027C2;)</mi>", r"<mo>\1</mo>"),  # plus-minus and perpendicular stand between two things
    (r"<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>"),  # and so does `\sim`
    (r"<mi>(&#x0039[1-9A-F];|&#x003A\d;)</mi>", r'<mi mathvariant="normal">\1</mi>'),  # Greek capitals are upright
    (r'<mo(?: stretchy="false")?>(&#x02016;|&#x0007C;|/|&#x0002F;)</mo>', r'<mo stretchy="false" lspace="0" rspace="0">\1</mo>'),  # |x|/2
    (r"<mo>(&#x0219\w;)</mo>", r'<mo stretchy="false">\1</mo>'),  # arrows, as long as they are
    (r"<m[io]([^>]*)>([a-z]{2,})</m[io]>", r'<mo\1 lspace="0.17em" rspace="0.17em">\2</mo>'),  # 2 sin x
    (r' rspace="0.17em">([a-z]+</mo><mo[^>]*>(?:&#x00028;|\())', r' rspace="0">\1'),  # 2 sin(x)
    (r"(<mo[^>]*>(?!&#x00029;|&#x0005D;|&#x0007C;|&#x02016;|[)\]])[^<]*</mo>)<mo>&#x02212;</mo>",
     r'\1<mo form="prefix">&#x02212;</mo>'),  # (-1)
)]


def formulas(page):
    "A page of HTML with its formulas in MathML. One that cannot be converted stays TeX, for the check to report."
    return FORMULA.sub(mathml, page)


def mathml(m):
    "The formula that `FORMULA` found."
    tex = html.unescape(m[2])
    if (bare := re.sub(r"\\.", "", tex)).count("{") != bare.count("}"): return m[0]  # the converter would guess
    try: formula = convert(tex, display="block" if m[1] == "display" else "inline")
    except Exception: return m[0]
    for old, new in RULES: formula = old.sub(new, formula)
    return m[0] if TEX.search(formula) else f'<span class="math {m[1]}">{formula}</span>'
