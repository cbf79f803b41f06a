"""Lesson 09: fit's loop, which epoch is kept, what a checkpoint must carry over, and a GPU that waits."""

from kit import ACCENT, PALE, Drawing


def fit_loop():
    drawing = Drawing(
        700,
        216,
        "What fit adds to the loop",
        "A loop of six boxes, once per epoch. Two are those of lesson 08: train_epoch, and "
        "scheduler.step. Four are added, "
        "outlined thickly: is the loss finite, validate, keep if best, tell callbacks. From the last an "
        "arrow leads back to "
        "train_epoch. After the last epoch the best weights are loaded.",
    )
    boxes = [
        (10, 20, "train_epoch", "as in lesson 08", False),
        (248, 20, "scheduler.step", "as in lesson 08", False),
        (486, 20, "loss finite?", "or stop with an error", True),
        (486, 130, "validate", "rank other clips", True),
        (248, 130, "keep if best", "copy the weights", True),
        (10, 130, "callbacks", "write, watch, stop", True),
    ]
    for x, y, name, words, added in boxes:
        look = {"stroke": ACCENT, "stroke_width": 3} if added else {"stroke": PALE}
        drawing.box(x, y, 204, 66, radius=10, **look)
        drawing.text(x + 102, y + 29, name, 17, "middle", font_weight="bold")
        drawing.text(x + 102, y + 52, words, 15, "middle")
    drawing.line(214, 53, 243, 53, arrow=True)
    drawing.line(452, 53, 481, 53, arrow=True)
    drawing.line(588, 86, 588, 125, arrow=True)
    drawing.line(486, 163, 457, 163, arrow=True)
    drawing.line(248, 163, 219, 163, arrow=True)
    drawing.line(112, 130, 112, 91, arrow=True)
    drawing.text(350, 113, "once per epoch", 15, "middle", fill_opacity=0.8)
    return drawing


def best_epoch():
    recalls = [21, 34, 41, 39, 48, 52, 51, 49, 46, 44]  # an example of its own
    best, bests = 0, []
    for epoch, value in enumerate(recalls, 1):
        if value > max(recalls[: epoch - 1], default=-1):
            best = epoch
            bests.append(epoch)
    left, step, bottom, scale = 150, 56, 190, 3.0
    drawing = Drawing(
        700,
        296,
        "Which epoch is kept",
        f"An example of {len(recalls)} epochs. Validation R@10 is {', '.join(map(str, recalls))}. last.pt "
        "is written after "
        f"each epoch, model.pt after epochs {', '.join(map(str, bests))}, which were the best so far. "
        f"Epoch {best} is the "
        f"best of all: its weights are kept, and the falling curve after it costs only time.",
    )
    x = [left + step * i for i in range(len(recalls))]
    y = [bottom - scale * value for value in recalls]
    drawing.line(left - 26, bottom, x[-1] + 20, bottom)
    drawing.text(10, 44, "validation", 16)
    drawing.text(10, 64, "R@10", 16)
    drawing.path("M" + " L".join(f"{a} {b:.1f}" for a, b in zip(x, y, strict=True)), stroke_width=2)
    drawing.line(x[best - 1], y[best - 1] + 10, x[best - 1], bottom, dash=True, stroke=ACCENT)
    for epoch, (a, b) in enumerate(zip(x, y, strict=True), 1):
        if epoch == best:
            drawing.dot(a, b, 9, fill=ACCENT)
        else:
            drawing.dot(a, b, 5)
            drawing.text(a, b - 13, recalls[epoch - 1], 15, "middle")
        drawing.text(a, bottom + 22, epoch, 15, "middle")
        drawing.box(a - 13, 262, 26, 20, fill=PALE, stroke="none")
        if epoch in bests:
            drawing.box(a - 13, 230, 26, 20, fill=ACCENT if epoch == best else PALE, stroke="none")
    drawing.text(x[best - 1], y[best - 1] - 14, f"{recalls[best - 1]}, kept", 16, "middle", font_weight="bold")
    drawing.text(10, bottom + 22, "epoch", 16)
    drawing.text(10, 246, "model.pt", 16)
    drawing.text(10, 278, "last.pt", 16)
    return drawing


def resume():
    lr, decay, epochs, stop = 2e-3, 0.95, 10, 5
    at_stop = lr * decay**stop
    parts = ["weights", "Adam", "learning rate", "random numbers"]
    again = ["", "starts at zero", f"{lr:.4f} again", "epoch 1’s again"]
    carried = ["", "", f"{at_stop:.5f}", "go on"]
    drawing = Drawing(
        700,
        330,
        "What has to cross the stop",
        f"A run of {epochs} epochs is stopped after epoch {stop}. Above, four things cross the gap from "
        "last.pt into new "
        f"objects: weights, Adam's state, the learning rate, by then {at_stop:.5f}, and the state of the "
        "random numbers. "
        "The run goes on as if it had never stopped. Below, only the weights cross: Adam starts at zero, "
        "the learning rate "
        f"is {lr:.4f} again, and the films of epoch 1 come again.",
    )
    for k, whole in enumerate((True, False)):
        top = 16 + 162 * k
        drawing.box(10, top, 132, 126, radius=8, stroke=PALE)
        drawing.text(76, top + 56, f"epochs 1–{stop}", 16, "middle")
        drawing.text(76, top + 80, "stop", 16, "middle")
        drawing.box(548, top, 142, 126, radius=8, stroke=PALE if whole else ACCENT, stroke_width=1.4 if whole else 3)
        drawing.text(619, top + 56, f"epochs {stop + 1}–{epochs}", 16, "middle")
        drawing.text(619, top + 80, "the same run" if whole else "another run", 16, "middle", font_weight="bold")
        for i, part in enumerate(parts):
            y = top + 16 + 32 * i
            crosses = whole or i == 0
            if crosses:
                words = f"{part} {carried[i]}".strip()
                drawing.line(142, y, 188, y)
                drawing.box(190, y - 14, 300, 28, radius=14)
                drawing.text(340, y + 6, words, 16, "middle")
                drawing.line(490, y, 543, y, arrow=True)
            else:
                drawing.line(142, y, 178, y, dash=True, stroke=ACCENT)
                drawing.path(f"M180 {y - 6} L192 {y + 6} M180 {y + 6} L192 {y - 6}", stroke=ACCENT, stroke_width=3)
                drawing.text(340, y + 6, f"{part}: {again[i]}", 16, "middle")
                drawing.line(490, y, 543, y, arrow=True, dash=True, stroke=ACCENT)
    return drawing


def waiting():
    asks, work, busy, count = 52, 14, 14, 10  # pixels: between two requests, of one operation
    left, wide = 118, 560
    slow, fast = asks * count + work, asks + busy * count
    css = (
        "#NAME .now { animation: NAME-now 9s linear infinite; } "
        f"@keyframes NAME-now {{ from {{ transform: translateX(0); }} to {{ transform: translateX({wide}px); }} }}"
    )
    drawing = Drawing(
        700,
        286,
        "A GPU that waits, and one that does not",
        f"Two pairs of time lines, for the same {count} operations. Step by step: the CPU prepares {count} "
        "requests one "
        "after another without a pause, and the GPU does each in a short time and waits for the next. "
        "Recorded: the CPU asks "
        f"once, and the GPU does the {count} operations back to back: done after {100 * fast / slow:.0f} % "
        "of the time. A "
        "sketch, not a measurement.",
        css,
    )
    for k, name in enumerate(("operation by operation", "recorded once, replayed")):
        top = 12 + 140 * k
        drawing.text(left, top + 8, name, 16, font_weight="bold")
        for row, machine in enumerate(("CPU", "GPU")):
            y = top + 24 + 44 * row
            drawing.text(10, y + 23, machine, 16)
            drawing.line(left, y + 34, left + wide, y + 34, stroke=PALE)
        for i in range(count):
            x = left + asks * (i + 1) if k == 0 else left + asks + busy * i
            if k == 0 or i == 0:
                start = left + asks * i
                drawing.box(start, top + 24, asks - 4, 32, fill=PALE, stroke="none", fill_opacity=0.55)
            drawing.box(x, top + 68, work - 2 if k else work, 32, fill=ACCENT, stroke="none", radius=2)
        end = left + (fast if k else slow)
        drawing.line(end, top + 62, end, top + 108, dash=True)
    drawing.text(left + fast + 12, 12 + 140 + 90, "done", 16)
    drawing.text(left + wide, 12 + 124, "done", 16, "end")
    drawing.text(10, 282, "time", 14)
    drawing.line(54, 277, 110, 277, arrow=True)
    drawing.line(left, 28, left, 262, class_="now", stroke_width=1, stroke_opacity=0.6)
    return drawing
