"""What the book's drawings are made with: SVG that follows a page's text colour, light or dark.

    python notebooks/drawings/kit.py              draw all: each NN.py beside this file, into _static/drawings
    python notebooks/drawings/kit.py 05           only lesson 05's

In NN.py each function whose name does not begin with an underscore takes nothing and returns a Drawing. Its name is the
file's: ``four_treatments`` of 05.py becomes ``_static/drawings/05_four_treatments.svg``, which a lesson shows with
``draw("05_four_treatments")``.
"""

import importlib.util
import sys
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "_static" / "drawings"
sys.path.insert(0, str(HERE.parent))

from lesson import EXPERTS  # noqa: E402  (one colour and hatch per expert in the whole book)

#: An accent for what a drawing is about, and a paler one for what stays the same; no expert has them.
ACCENT, PALE = "#b3261e", "#8a8f98"

FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"

# What is drawn over an expert's colour, in a tile of 8 x 8: the hatches of lesson.EXPERTS.
HATCHES = {
    "": "",
    "//": '<path d="M-2 2 L2 -2 M0 8 L8 0 M6 10 L10 6" stroke="{}" stroke-width="1.6"/>',
    "\\\\": '<path d="M-2 6 L2 10 M0 0 L8 8 M6 -2 L10 2" stroke="{}" stroke-width="1.6"/>',
    "xx": '<path d="M0 0 L8 8 M0 8 L8 0" stroke="{}" stroke-width="1.2"/>',
    "..": '<circle cx="2" cy="2" r="1.2" fill="{0}"/><circle cx="6" cy="6" r="1.2" fill="{0}"/>',
}


class Drawing:
    """One SVG of ``width`` x ``height``: 700 is as wide as the page's text, and letters of 16 are the page's own.

    title, desc  what a screen reader reads: what this is, and what one can see in it, numbers and all
    css          rules for classes of this drawing, for animations; a reader who asked for less motion gets the drawing
                 without them, so it must say all it says at rest as well
    """

    def __init__(self, width, height, title, desc, css=""):
        self.size, self.title, self.desc, self.css = (width, height), title, desc, css
        self.parts, self.experts = [], []

    def add(self, markup):
        """Any SVG markup."""
        self.parts.append(markup)

    def _tag(self, tag, attributes, content=None):
        words = " ".join(
            f'{key.rstrip("_").replace("_", "-")}="{_number(value)}"'
            for key, value in attributes.items()
            if value is not None
        )
        self.add(f"<{tag} {words}/>" if content is None else f"<{tag} {words}>{content}</{tag}>")

    def text(self, x, y, words, size=16, anchor="start", **more):
        """Words whose baseline is at y. anchor: start, middle or end. Not below 14."""
        self._tag("text", {"x": x, "y": y, "font_size": size, "text_anchor": anchor, **more}, escape(str(words)))

    def line(self, x1, y1, x2, y2, arrow=False, dash=False, **more):
        """A line in the text's colour. arrow: a head at (x2, y2); dash: True for dashes."""
        more = {"stroke": "currentColor", "stroke_width": 1.6, **more}
        more |= {"marker_end": "url(#NAME-tip)"} if arrow else {}
        more |= {"stroke_dasharray": "5 4"} if dash else {}
        self._tag("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, **more})

    def path(self, d, arrow=False, dash=False, **more):
        """A path (SVG's d), not filled, in the text's colour."""
        more = {"fill": "none", "stroke": "currentColor", "stroke_width": 1.6, **more}
        more |= {"marker_end": "url(#NAME-tip)"} if arrow else {}
        more |= {"stroke_dasharray": "5 4"} if dash else {}
        self._tag("path", {"d": d, **more})

    def box(self, x, y, width, height, fill="none", radius=4, dash=False, **more):
        """An outlined rectangle. fill: a colour, or an expert's name for its colour and hatch."""
        more = {"stroke": "currentColor", "stroke_width": 1.4, **more}
        more |= {"stroke_dasharray": "5 4"} if dash else {}
        at = {"x": x, "y": y, "width": max(width, 0), "height": height, "rx": radius}
        self._tag("rect", {**at, "fill": self._fill(fill), **more})

    def dot(self, x, y, radius=5, fill="currentColor", **more):
        """A filled circle. fill: as for box."""
        self._tag("circle", {"cx": x, "cy": y, "r": radius, "fill": self._fill(fill), **more})

    def matrix(self, x, y, rows, cell=(64, 34), marks=(), digits=2):
        """Numbers in a grid, as print shows them; None leaves a dashed, empty cell; cells in marks, (row, column), are
        outlined in ACCENT."""
        wide, high = cell
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                left, top = x + j * wide, y + i * high
                self.box(left, top, wide, high, radius=0, dash=value is None, stroke_width=0.8)
                if value is not None:
                    words = value if isinstance(value, str) else f"{value:.{digits}f}"
                    self.text(left + wide / 2, top + high / 2 + 5.5, words, anchor="middle")
        for i, j in marks:
            self.box(x + j * wide, y + i * high, wide, high, radius=0, stroke=ACCENT, stroke_width=3)

    def _fill(self, fill):
        if fill in EXPERTS:
            if fill not in self.experts:
                self.experts.append(fill)
            return f"url(#NAME-{fill})"
        return fill

    def svg(self, name):
        """The file's content. name: the drawing's, which its ids begin with, as several stand on one page."""
        wide, high = self.size
        defs = [
            '<marker id="NAME-tip" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" markerHeight="7" '
            'orient="auto-start-reverse"><path d="M0 0 L10 5 L0 10 z" fill="context-stroke"/></marker>'
        ]
        for expert in self.experts:
            style = EXPERTS[expert]
            hatch = HATCHES[style["hatch"]].format(style["edgecolor"])
            defs.append(
                f'<pattern id="NAME-{expert}" width="8" height="8" patternUnits="userSpaceOnUse">'
                f'<rect width="8" height="8" fill="{style["color"]}"/>{hatch}</pattern>'
            )
        own = (
            ":root#NAME { color: #1f2328; background: #ffffff; } "
            "@media (prefers-color-scheme: dark) { :root#NAME { color: #e6e6e6; background: #14181e; } } "
        )
        if self.css:
            own += self.css + " @media (prefers-reduced-motion: reduce) { #NAME * { animation: none !important; } }"
            own += " @media print { #NAME * { animation: none !important; } }"
        lines = [
            f'<svg id="NAME" class="drawing" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" '
            f'width="{wide}" role="img" aria-labelledby="NAME-title NAME-desc" font-family="{FONT}" '
            'fill="currentColor" style="max-width: 100%; height: auto">',
            f'<title id="NAME-title">{escape(self.title, quote=False)}</title>',
            f'<desc id="NAME-desc">{escape(" ".join(self.desc.split()), quote=False)}</desc>',
            f"<style>{own}</style>",
            f"<defs>{''.join(defs)}</defs>",
            *self.parts,
            "</svg>",
        ]
        return "\n".join(lines).replace("NAME", f"d-{name}".replace("_", "-")) + "\n"


def _number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else escape(str(value))


def drawings(lesson):
    """Name -> Drawing of each function of a lesson's script. lesson: its number, or "here" for the maps."""
    spec = importlib.util.spec_from_file_location(f"drawings_{lesson}", HERE / f"{lesson}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("kit", sys.modules[__name__])
    spec.loader.exec_module(module)
    if lesson == "here":
        return {f"here_{number}": drawing for number, drawing in module.maps().items()}
    own = {name: f for name, f in vars(module).items() if getattr(f, "__module__", "") == module.__name__}
    return {f"{lesson}_{name}": f() for name, f in own.items() if callable(f) and not name.startswith("_")}


def scripts():
    """All that ``drawings`` takes."""
    return ["here", *sorted(path.stem for path in HERE.glob("[0-9][0-9].py"))]


def main(lessons):
    OUT.mkdir(exist_ok=True)
    for lesson in lessons or scripts():
        for name, drawing in drawings(lesson).items():
            (OUT / f"{name}.svg").write_text(drawing.svg(name), encoding="utf-8")
            print(OUT / f"{name}.svg")


if __name__ == "__main__":
    main(sys.argv[1:])
