"""The tables and the figure of the page "What we found", from what missing_experts.py wrote.

python experiments/missing_show.py notebooks/data/missing_tinyclips.json notebooks/data/missing_memad.json
"""

import argparse
import json
from pathlib import Path

from mee.storage import atomic

FIGURE = Path(__file__).parents[1] / "notebooks" / "_static" / "missing.svg"
METRICS = ("t2v R@1", "t2v R@10", "v2t R@1", "v2t R@10")
TREATMENTS = (
    "calibrated",
    "paper's score",
    "mean features",
    "zeros",
    "concatenation",
    "QB-Norm",
    "mean removal (GR-CLIP)",
    "expert dropout: paper's score",
    "expert dropout: calibrated",
    "InfoNCE: paper's score",
    "InfoNCE: calibrated",
    "trained calibrated, InfoNCE: calibrated",
    "appearance alone",
    "motion alone",
    "audio alone",
    "face alone",
    "text alone",
    "oracle",
)
PARTS = {
    "parts: centred": "part: similarities centred",
    "parts: centred, root of the weights' squares": "part: and the root, all variances alike",
    "parts: one variance per expert": "part: and a variance for each expert",
    "parts: z, no shrinkage": "part: for each sentence instead, not shrunk",
    "parts: a variance per sentence (z)": "part: the same, shrunk, which is z",
    "parts: h alone, on the paper's score": "part: h alone, on the paper's score (temperature 0.05)",
    "parts: one variance, and h": "part: a variance for each expert, and h",
}
#: label in the JSON -> (name in the figure, colour, marker)
LINES = {
    "calibrated": ("calibrated score", "#D55E00", "o"),
    "paper's score": ("paper's score", "#0072B2", "s"),
    "zeros": ("zeros", "#7F7F7F", "v"),
    "mean features": ("mean features", "#7F7F7F", "^"),
    "concatenation": ("concatenation", "#7F7F7F", "D"),
    "expert dropout: paper's score": ("expert dropout", "#7F7F7F", "x"),
}


def markdown(rows):
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def at(record, label, metric, share):
    return record["curves"][label][metric][record["shares"].index(share)]


def gains_table(records):
    """The calibrated score against the paper's, same models; bold: what holds for the family of comparisons."""
    rows = [["Clips", "deleted", *METRICS]]
    for record in records:
        for share in (0.0, 0.3, 0.5):
            cells = []
            for metric in METRICS:
                row, paper = (at(record, label, metric, share) for label in ("calibrated", "paper's score"))
                gain = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*row["difference"])
                sure = row["family_wise"][0] > 0 or row["family_wise"][1] < 0
                gain = f"**{gain}**" if sure else gain
                cells.append(f"{paper['value'][0]:.1f} → {row['value'][0]:.1f}, {gain}")
            rows.append([record["title"], f"{100 * share:.0f} %", *cells])
    return markdown(rows)


def curve_table(record, names, metric):
    """A line per treatment (label -> its name), a column per share; chance below."""
    rows = [[f"{record['title']}, {metric}", *(f"{100 * share:.0f} %" for share in record["shares"])]]
    for label, name in names.items():
        if label in record["curves"]:
            rows.append([name, *(f"{row['value'][0]:.1f}" for row in record["curves"][label][metric])])
    direction, short = metric.split()
    rows.append(["chance", *[f"{record['chance'][direction][short]:.1f}"] * len(record["shares"])])
    return markdown(rows)


def tables(records):
    """The page's table; then, for the results page, two tables per data set."""
    names = {label: label for label in TREATMENTS} | PARTS
    curves = [curve_table(record, names, metric) for record in records for metric in ("t2v R@10", "v2t R@1")]
    return [gains_table(records), *curves]


def figure(records, out):
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "mee"  # the same file from the same numbers
    import matplotlib.pyplot as plt

    matplotlib.rcParams["font.size"] = 12  # as large as the page's letters, because two panels are as wide as its text
    rows = -(-len(records) // 2)
    plots, panels = plt.subplots(rows, 2, figsize=(7.6, 3.5 * rows + 0.5), squeeze=False, layout="constrained")
    panels = panels.flatten()
    for axes in panels[len(records) :]:
        axes.axis("off")
    for axes, record in zip(panels, records, strict=False):
        shares = [100 * share for share in record["shares"]]
        for label, (name, colour, marker) in LINES.items():
            rows = [row["value"] for row in record["curves"][label]["t2v R@10"]]
            value, low, high = zip(*rows, strict=True)
            main = colour != "#7F7F7F"
            axes.plot(shares, value, color=colour, marker=marker, markersize=5, linewidth=2 if main else 1, label=name)
            if main:
                axes.fill_between(shares, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.axhline(record["chance"]["t2v"]["R@10"], color="0.5", linestyle=":", label="chance")
        axes.set_title(record["title"], fontsize="medium")
        axes.set(xlabel="experts deleted, %", ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylabel("text to video, R@10, %")
    lines = panels[0].get_legend_handles_labels()
    if len(records) % 2:  # one panel is free
        panels[-1].legend(*lines, loc="center", frameon=False)
    else:
        plots.legend(*lines, loc="outside lower center", ncols=4, frameon=False)
    with atomic(out) as temporary:
        plots.savefig(temporary, format="svg", metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", nargs="+", type=Path, help="what missing_experts.py wrote")
    parser.add_argument("-o", "--out", type=Path, default=FIGURE, help=f"the figure (default: {FIGURE.name})")
    options = parser.parse_args()
    records = [json.loads(path.read_text(encoding="utf-8")) for path in options.records]
    print("\n\n".join(tables(records)))
    figure(records, options.out)


if __name__ == "__main__":
    main()
