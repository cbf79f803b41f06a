"""Tables and figures of notebooks/benchmarks.md, from what run.py measured.

    python experiments/benchmarks/report.py [notebooks/data/benchmarks.json]      # and data/gpu.json, of gpu.py

It rewrites what stands between ``<!-- table NAME -->`` and ``<!-- end -->`` in the page; figures go to
notebooks/_static. The same JSON gives the same files.
"""

import json
import re
import sys
from pathlib import Path

import matplotlib

BOOK = Path(__file__).resolve().parents[2] / "notebooks"
PAGE, GPU = BOOK / "benchmarks.md", BOOK / "data" / "gpu.json"
STYLE = {"mee": "o-", "mee, bfloat16": "s--", "plain": "^:"}
GREY = {"mee": "#202020", "mee, bfloat16": "#d1660a", "plain": "#4a7fb5"}


def ms(seconds):
    return f"{1000 * seconds:.0f}" if seconds >= 0.01 else f"{1000 * seconds:.3g}"


def mb(size):
    return f"{size / 1e6:,.0f}"


def ratio(row):
    return f"**{row['ratio']:.2f}** ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})" if "ratio" in row else ""


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def times(found, *batches):
    rows = []
    for batch in batches:
        for name, row in found[batch].items():
            rows.append([batch, name, f"{ms(row['seconds'])} ({ms(row['low'])} to {ms(row['high'])})", ratio(row)])
    return table(["batch", "side", "ms per step", "times as fast as plain"], rows)


def of_step(data):
    return times(data["step"]["found"], "64", "512")


def of_saved(data):
    found = data["saved"]["found"]
    rows = []
    for name in found["64"]:
        cells = [name]
        for batch in ("64", "512"):
            row = found[batch][name]
            cells += [ms(row["seconds"]), f"{row['ratio']:.2f}" if "ratio" in row else "1"]
        rows.append(cells)
    picture = """```{figure} _static/bench_saved.svg
:alt: Bars of milliseconds per step for batches of 64 and 512, from the plain side at the top to bfloat16 at the bottom.

Each bar has all the changes of those above it.
```

"""
    head = ["each line has all of those above", "batch 64: ms", "plain / this", "batch 512: ms", "plain / this"]
    return picture + table(head, rows)


def of_bound(data):
    rows = []
    for batch, found in data["bound"]["found"].items():
        for name, row in found.items():
            times = [ms(row[key]) for key in ("step", "products", "adam")]
            rows.append([batch, name, *times, f"{100 * row['share']:.0f} %", f"{row['gigaflops']:.0f}"])
    head = ["batch", "side", "ms per step", "ms its products would take", "ms of Adam's pass", "share of the two"]
    return table([*head, "gigaflops of a product"], rows)


def of_epoch(data):
    if "epoch" not in data:
        raise KeyError("epoch")
    rows = []
    for key, what in data.items():
        if key.split()[0] == "epoch":
            found = what["found"]
            for name, row in found["64"].items():
                machine = f"{what['threads']} thread{'s' * (what['threads'] > 1)}, {what['clock']}"
                loading = found["loading"][name.partition(",")[0]] / found["steps"]
                cells = [machine, name, f"{row['seconds']:.1f}", ms(row["seconds"] / found["steps"]), ms(loading)]
                rows.append([*cells, ratio(row)])
    head = ["measured with", "side", "s per epoch", "ms per batch", "loading alone, ms per batch"]
    return table([*head, "times as fast as plain"], rows)


def of_tried(data):
    if "tried" not in data:
        raise KeyError("tried")
    rows = []
    for key, what in data.items():
        if key.split()[0] == "tried":
            machine = f"{what['threads']} thread{'s' * (what['threads'] > 1)}, {what['clock']}"
            for batch in ("64", "512"):
                for name, row in what["found"][batch].items():
                    if name == "compiling":
                        rows.append([machine, batch, "compiling, once", f"{1000 * row['seconds']:,.0f}", ""])
                    else:
                        rows.append([machine, batch, name, ms(row["seconds"]), ratio(row)])
            for name, row in what["found"]["text"].items():
                label = f"the sentence's units, first layers: {name}"
                rows.append([machine, "64", label, ms(row["seconds"]), ratio(row)])
    return table(["measured with", "batch", "variant", "ms", "times as fast as the first of its kind"], rows)


def of_make(data):
    found, rows = data["make"]["found"], []
    for target in ("make book", "make test"):
        parts = found[target]
        rows += [[target, f"`{name}`" if "/" in name else name, f"{row['seconds']:.0f}"] for name, row in parts.items()]
        rows.append([target, "**in all**", f"**{sum(row['seconds'] for row in parts.values()):.0f}**"])
    lessons = ", ".join(
        f"{name} {row['seconds']:.0f}" for name, row in sorted(found["lessons"].items()) if row["seconds"]
    )
    return table(["command", "part", "s"], rows) + f"\n\nThe lessons one by one, in seconds, two at a time: {lessons}."


def of_sides(data, part):
    found = data[part]["found"]
    rows = []
    for name, row in found["sides"].items():
        cells = [name, f"{row['seconds']:.2f}", ratio(row)]
        if "peak" in row:
            cells += [mb(row["peak"]), f"{row['peak'] / found['matrix']:.2f}"]
        rows.append(cells)
    return table(["side", "s", "times as fast as plain", "memory at the peak, MB", "/ the matrix of scores"], rows)


def of_ranking(data):
    rows = [
        [f"{int(n):,}", f"{row['seconds']:.1f}", mb(row["peak"]), mb(row["matrix"])]
        for n, row in data["ranking"]["found"].items()
    ]
    return table(["texts and clips", "s, both directions", "memory at the peak, MB", "the matrix would be, MB"], rows)


def of_files(data):
    found = data["files"]["found"]
    rows = [
        [f"open {found['bytes'] / 1e9:.2f} GB, look at every byte (the default)", f"{found['checked']['open']:.2f}"],
        ["open it, `check=False`", f"{found['unchecked']['open']:.2f}"],
        ["first batch of 64", f"{found['checked']['batch']:.2f}"],
        ["`import mee`, after `import torch`", f"{found['import mee']['seconds beyond torch']:.4f}"],
        ["`import mee.train`, after `import torch`", f"{found['import mee.train']['seconds beyond torch']:.2f}"],
    ]
    return table(["what", "s"], rows)


def of_growth(data):
    rows = []
    for part in ("batch", "experts", "words"):
        for value, found in data[part]["found"].items():
            rows.append([f"{part}: {value}", *(ms(found[name]["seconds"]) if name in found else "" for name in STYLE)])
    for value, found in data["clips"]["found"].items():
        rows.append([f"clips: {int(value):,} (ms per query)", ms(found["mee"]["seconds"]), "", ""])
    picture = """```{figure} _static/bench_growth.svg
:alt: Four panels with logarithmic axes: cost against batch, experts, words of a caption, clips to search.

Cost against the batch, the number of experts, the length of captions, and the number of clips to search.
```

"""
    return picture + table(["what grows", "mee, ms", "mee in bfloat16, ms", "plain, ms"], rows)


def of_machine(data):
    seen = {}
    for part, what in data.items():
        keys = ("cpu", "cores", "system", "python", "torch", "libc", "threads", "clock")
        seen.setdefault(tuple(what[key] for key in keys), []).append((part, what["load"]))
    lines = []
    for (cpu, cores, system, python, torch, libc, threads, clock), parts in seen.items():
        loads = [load for _, load in parts if load is not None]
        lines.append(
            f"- {', '.join(part for part, _ in parts)}: {cpu}, {cores} cores; {system}, "
            f"{libc}, Python {python}, PyTorch {torch}; {threads} thread{'s' * (threads > 1)}, {clock}; load of the "
            f"machine {min(loads)} to {max(loads)} when a part began"
        )
    return "\n".join(lines)


def figures(data):
    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rc_file(BOOK / "matplotlibrc")
    matplotlib.rcParams.update({"svg.hashsalt": "mee", "svg.fonttype": "none", "font.size": 9})
    panels = (
        ("batch", "clips in a batch", "ms per step"),
        ("experts", "experts, 512 dimensions each", "ms per step"),
        ("words", "words of a caption", "ms per step"),
        ("clips", "clips to search", "ms per query"),
    )
    figure, axes = plt.subplots(2, 2, figsize=(8, 6), layout="constrained")
    for ax, (part, x, y) in zip(axes.flat, panels, strict=True):
        found = data[part]["found"]
        values = [int(value) for value in found]
        for name, style in STYLE.items():
            if name in found[str(values[0])]:
                times = [1000 * found[str(value)][name]["seconds"] for value in values]
                ax.plot(values, times, style, color=GREY[name], label=name, markersize=4)
        ax.set(xscale="log", yscale="log", xlabel=x, ylabel=y)
        if len(values) < 8 and part != "clips":
            ax.set_xticks(values, [str(value) for value in values])
            low, high = ax.get_ylim()
            ticks = [m * 10**e for e in range(-3, 5) for m in (1, 2, 3, 5) if low <= m * 10**e <= high]
            ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.minorticks_off()
        ax.grid(alpha=0.3, which="both")
    axes[0, 0].legend()
    _save(figure, "bench_growth.svg")

    figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained", sharey=True)
    found = data["saved"]["found"]
    for ax, batch in zip(axes, ("64", "512"), strict=True):
        names = list(found[batch])[::-1]
        times = [1000 * found[batch][name]["seconds"] for name in names]
        bars = ax.barh(
            names, times, color=["#b8b8b8"] * (len(names) - 1) + ["#4a7fb5"], edgecolor="black", linewidth=0.5
        )
        ax.bar_label(bars, [f" {t:.0f}" for t in times])
        ax.set(xlabel="ms per step", title=f"batch {batch}", xlim=(0, 1.15 * max(times)))
    _save(figure, "bench_saved.svg")


def of_gpu(data):
    """What experiments/gpu.py measured; a part that failed or was not run says so."""
    gpu = data["gpu"]

    def part(name, show):
        found = gpu.get(name, {})
        reason = found.get("error") or found.get("not run") or (None if found else "not run")
        return f"{name}: {reason}" if reason else show(found)

    def card(found):
        rates = ", ".join(f"{kind} {found[f'{kind} 512']:.0f}" for kind in ("float32", "tf32", "bfloat16"))
        return (
            f"{found['device']}, PyTorch {found['torch']}; products of a batch of 512 in teraflops: {rates}; memory: "
            f"{found['bandwidth']:.0f} GB/s"
        )

    def step(found):
        rows = []
        for batch, sides in found.items():
            for name, row in sides.items() if isinstance(sides, dict) else ():
                if "error" in row:
                    rows.append([batch, name, row["error"], "", ""])
                    continue
                faster = f"{sides['plain']['ms'] / row['ms']:.1f}" if "ms" in sides.get("plain", {}) else ""
                share = f"{100 * row['share']:.0f} %" if "share" in row else ""
                rows.append([batch, name, f"{row['ms']:.2f} ({row['low']:.2f} to {row['high']:.2f})", faster, share])
        return table(["batch", "side", "ms per step", "times as fast as plain", "share of the bound"], rows)

    def recipe(found):
        rows = []
        for name, row in found.items():
            if isinstance(row, dict):
                memory = f"{row['peak memory'] / 1e9:.1f}" if "peak memory" in row else ""
                use = f"{row['utilisation']:.0f} %" if row.get("utilisation") else ""
                rows.append([name, f"{row['epoch']:.3f}", f"{row.get('seconds', 0):.1f}", memory, use])
        head = [
            f"{found['epochs']} epochs, {found['clips']:,} clips",
            "s per epoch",
            "s in all",
            "GB at most",
            "in use",
        ]
        return table(head, rows)

    def halves(found):
        rows = [[n, *(f"{x:.1f}" for x in r["t2v R@1, R@10, v2t R@1, R@10"])] for n, r in found.items() if n != "took"]
        return table(["TinyClips", "t2v R@1", "t2v R@10", "v2t R@1", "v2t R@10"], rows)

    def seeds(found):
        return (
            f"{found['models']} models of TinyClips: one after another {found['one after another']:.1f} s, "
            f"stacked {found['stacked']:.1f} s ({found['gain']:.1f} times as fast)."
        )

    def ranking(found):
        rows = []
        for name, row in found.items():
            for label, value in row.items() if isinstance(row, dict) else ():
                if isinstance(value, dict):
                    rows.append([f"{name}: {label}", f"{value['ms'] / 1000:.4f}"])
                elif label in ("ms", "seconds"):
                    rows.append([name, f"{value / 1000 if label == 'ms' else value:.3f}"])
        return table(["ranking", "s"], rows)

    shown = {"card": card, "step": step, "recipe": recipe, "halves": halves, "seeds": seeds, "ranking": ranking}
    return "\n\n".join(part(name, show) for name, show in shown.items())


def _save(figure, name):
    figure.savefig(BOOK / "_static" / name, metadata={"Date": None, "Creator": None})
    path = BOOK / "_static" / name
    path.write_text(
        "\n".join(line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()) + "\n", encoding="utf-8"
    )


def _or_missing(make, data):
    try:
        return make(data)
    except KeyError as part:
        if part.args == ("gpu",):
            return "**Not run**: no GPU was at hand yet. The script is ready, and dry-run on a CPU."
        return f"Not measured yet ({part.args[0]}): `make bench` does it."


def main(path=BOOK / "data" / "benchmarks.json"):
    data = json.loads(Path(path).read_text(encoding="utf-8"))
    if GPU.exists():
        data["gpu"] = json.loads(GPU.read_text(encoding="utf-8"))
    tables = {
        "step": of_step,
        "saved": of_saved,
        "bound": of_bound,
        "tried": of_tried,
        "epoch": of_epoch,
        "scores": lambda data: of_sides(data, "scores"),
        "ranking": of_ranking,
        "loss": lambda data: of_sides(data, "loss"),
        "files": of_files,
        "make": of_make,
        "growth": of_growth,
        "machine": of_machine,
        "gpu": of_gpu,
    }
    page = PAGE.read_text(encoding="utf-8")
    for name, make in tables.items():
        found = re.subn(
            rf"(<!-- table {name} -->\n).*?(<!-- end -->)",
            lambda match, make=make: f"{match[1]}\n{_or_missing(make, data)}\n\n{match[2]}",
            page,
            flags=re.S,
        )
        if found[1] != 1:
            sys.exit(f"{PAGE}: {found[1]} places for the table {name!r}")
        page = found[0]
    PAGE.write_text(page, encoding="utf-8")
    if {"batch", "experts", "words", "clips", "saved"} <= set(data):
        figures(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
