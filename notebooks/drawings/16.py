"""Lesson 16: what an index stores, exact search in blocks, walks on a graph, its layers, and shared work."""

import torch
from kit import ACCENT, PALE, Drawing

# the lesson's five clips and its forty points
PRESENT = [(1, 1), (1, 1), (1, 0), (0, 1), (1, 0)]  # motion, face
WEIGHT = {"motion": 0.75, "face": 0.25}
POINTS = torch.rand(40, 2, generator=torch.Generator().manual_seed(29))


def _links(points, nearest=3):
    links = {i: set() for i in range(len(points))}
    for i, row in enumerate(torch.cdist(points, points).topk(nearest + 1, largest=False).indices[:, 1:].tolist()):
        for j in row:
            links[i].add(j)
            links[j].add(i)
    return links


def _walk(points, links, query, start=0):
    distance, path = (points - query).norm(dim=1), [start]
    while True:
        best = min(links[path[-1]], key=lambda i: distance[i])
        if distance[best] >= distance[path[-1]]:
            return path
        path.append(best)


def what_the_index_stores():
    patterns = sorted(set(PRESENT))
    words = []
    for pattern in patterns:
        clips = " and ".join(str(i) for i, has in enumerate(PRESENT) if has == pattern)
        names = " and ".join(name for name, has in zip(WEIGHT, pattern, strict=True) if has)
        share = sum(w for w, has in zip(WEIGHT.values(), pattern, strict=True) if has)
        words.append(f"with {names}: clip {clips}, divided by {share:.2f}")
    drawing = Drawing(
        700,
        270,
        "What the index stores",
        "Left, five clips with a motion and a face embedding each, where the face of clips 2 and 4 and the "
        "motion of clip "
        f"3 are absent. Right, the same in three groups, without gaps: {'; '.join(words)}.",
    )
    for j, name in enumerate(WEIGHT):
        drawing.text(87 + 84 * j, 24, name, 16, "middle")
    for i, has in enumerate(PRESENT):
        y = 38 + 44 * i
        drawing.text(12, y + 22, f"{i}")
        for j, name in enumerate(WEIGHT):
            drawing.box(48 + 84 * j, y, 78, 32, name if has[j] else "none", dash=not has[j], radius=2)
    drawing.line(234, 142, 288, 142, arrow=True, stroke=ACCENT, stroke_width=3)
    y = 8
    for pattern in reversed(patterns):
        clips = [i for i, has in enumerate(PRESENT) if has == pattern]
        share = sum(w for w, has in zip(WEIGHT.values(), pattern, strict=True) if has)
        high = 38 * len(clips) + 10
        drawing.box(308, y, 228, high, stroke=PALE, radius=6)
        for row, i in enumerate(clips):
            top, x = y + 8 + 38 * row, 346
            drawing.text(322, top + 22, f"{i}")
            for name, has in zip(WEIGHT, pattern, strict=True):
                if has:
                    drawing.box(x, top, 78, 32, name, radius=2)
                    x += 84
        drawing.text(552, y + high / 2 + 5, f"divide by {share:.2f}", 16, font_weight="bold")
        y += high + 7
    return drawing


def search_in_blocks():
    sizes, k = (3, 3, 3), 2
    scores = [[0.31, 0.74, 0.12], [0.55, 0.91, 0.40], [0.68, 0.22, 0.83]]
    every = sorted((value for block in scores for value in block), reverse=True)[:k]
    listed = "; ".join(", ".join(f"{value:.2f}" for value in block) for block in scores)
    drawing = Drawing(
        700,
        300,
        "Exact search, block by block",
        "A sentence's row of numbers is multiplied by a tall stack of clips' rows, cut into three blocks. "
        "Each block gives "
        f"a few products ({listed}), of which the best {k} are kept; the best {k} of all blocks are "
        f"{' and '.join(f'{value:.2f}' for value in every)}. Only one block's products exist at a time.",
        css="#NAME .scan { animation: NAME-scan 6s steps(1) infinite; } "
        "@keyframes NAME-scan { 0% { transform: translateY(0px); } 33.3% { transform: translateY(86px); } "
        "66.6% { transform: translateY(172px); } }",
    )
    drawing.text(70, 24, "sentence", 16, "middle")
    drawing.box(20, 128, 52, 26, "motion", radius=0)
    drawing.box(72, 128, 52, 26, "face", radius=0)
    drawing.text(144, 147, "×", 20, "middle")
    drawing.text(226, 24, "clips", 16, "middle")
    drawing.text(392, 24, "products", 16, "middle")
    drawing.text(500, 24, "kept", 16, "middle")
    drawing.text(626, 24, "merged", 16, "middle")
    for b, block in enumerate(scores):
        y = 38 + 86 * b
        for i in range(sizes[b]):
            drawing.box(174, y + 24 * i, 52, 24, "motion", radius=0, stroke_width=0.8)
            drawing.box(226, y + 24 * i, 52, 24, "face", radius=0, stroke_width=0.8)
        best = sorted(block, reverse=True)[:k]
        drawing.line(290, y + 36, 340, y + 36, arrow=True)
        for i, value in enumerate(block):
            drawing.text(392, y + 18 + 24 * i, f"{value:.2f}", 16, "middle", fill_opacity=1 if value in best else 0.55)
        drawing.line(432, y + 36, 466, y + 36, arrow=True)
        for i, value in enumerate(best):
            drawing.text(500, y + 30 + 24 * i, f"{value:.2f}", 16, "middle",
                         font_weight="bold" if value in every else "normal")  # fmt: skip
        drawing.line(530, y + 36, 584, 138 + 6 * (b - 1), arrow=True)
    drawing.box(592, 112, 68, 58, stroke=ACCENT, stroke_width=2)
    for i, value in enumerate(every):
        drawing.text(626, 136 + 25 * i, f"{value:.2f}", 16, "middle", font_weight="bold")
    drawing.add('<g class="scan">')
    drawing.box(168, 34, 256, 80, stroke=ACCENT, stroke_width=2.6, radius=6)
    drawing.add("</g>")
    return drawing


def two_walks():
    links = _links(POINTS)
    queries = torch.tensor([[0.8, 0.6], [0.7, 0.4]])
    paths = [_walk(POINTS, links, query) for query in queries]
    nearest = [int((POINTS - query).norm(dim=1).argmin()) for query in queries]
    longest = max(len(path) for path in paths)
    assert paths[0][-1] == nearest[0] and paths[1][-1] != nearest[1]
    css = []
    for step in range(1, longest):
        begin = 16 + 60 * step / longest  # at first all steps stand there; then they come one by one
        css.append(f"#NAME .s{step} {{ animation: NAME-s{step} 9s linear infinite; }} @keyframes NAME-s{step} "
                   f"{{ 0%, 12% {{ opacity: 1; }} 16%, {begin:.1f}% {{ opacity: 0; }} "
                   f"{begin + 4:.1f}%, 100% {{ opacity: 1; }} }}")  # fmt: skip
    drawing = Drawing(
        700,
        372,
        "Two walks on the same graph",
        "Forty points in the plane with links between near ones, twice. Left: a walk of "
        f"{len(paths[0]) - 1} steps from the upper left ends at the point nearest to the query, a cross. "
        "Right: the walk "
        f"stops after {len(paths[1]) - 1} step, far from the query, as all links from there lead further away.",
        css=" ".join(css),
    )
    low, high = POINTS.min(0).values, POINTS.max(0).values
    for panel, (path, query, true) in enumerate(zip(paths, queries, nearest, strict=True)):

        def at(point, panel=panel):
            x, y = ((point - low) / (high - low)).tolist()
            return 24 + 356 * panel + 296 * x, 320 - 296 * y

        for i, ends in links.items():
            for j in ends:
                if i < j:
                    drawing.line(*at(POINTS[i]), *at(POINTS[j]), stroke=PALE, stroke_width=1)
        for point in POINTS:
            drawing.dot(*at(point), 4, PALE)
        x, y = at(POINTS[true])
        drawing.box(x - 11, y - 11, 22, 22, radius=0, stroke_width=2)
        x, y = at(query)
        for sign in (1, -1):
            drawing.line(x - 8, y - 8 * sign, x + 8, y + 8 * sign, stroke=ACCENT, stroke_width=3.4)
        drawing.text(x - 4, y + 34, "query", 16, "middle")
        x, y = at(POINTS[path[0]])
        drawing.dot(x, y, 6)
        drawing.text(x + 11, y - 6, "start")
        for step, (i, j) in enumerate(zip(path, path[1:], strict=False), 1):
            drawing.add(f'<g class="s{step}">')
            drawing.line(*at(POINTS[i]), *at(POINTS[j]), stroke_width=4)
            drawing.dot(*at(POINTS[j]), 6)
            drawing.add("</g>")
        words = "the nearest point is found" if path[-1] == true else "stuck: each link leads away"
        drawing.text(172 + 356 * panel, 362, words, 16, "middle")
    return drawing


def layers():
    points, query = POINTS, torch.tensor([0.7, 0.4])
    members = [list(range(2)), list(range(9)), list(range(40))]
    start, paths = 0, []
    for chosen in members:
        some = points[chosen]
        links = _links(some, min(3, len(some) - 1))
        path = [chosen[i] for i in _walk(some, links, query, chosen.index(start))]
        paths.append(path)
        start = path[-1]
    assert start == int((points - query).norm(dim=1).argmin())
    steps = [len(path) - 1 for path in paths]
    drawing = Drawing(
        700,
        392,
        "HNSW: coarse layers give a good start",
        "Three layers of points, drawn as tilted planes, with 2, 9 and 40 points, each layer a part of the "
        "one below. A walk "
        f"begins in the top layer, goes {steps[0]}, {steps[1]} and {steps[2]} steps in the three layers, each starting "
        "below where the last ended, and ends at the point nearest to the query, which the walk without layers missed.",
    )

    def at(point, layer):
        x, y = point.tolist()
        return 150 + 400 * x + 110 * y, 108 + 122 * layer - 84 * y

    for layer, (chosen, path) in enumerate(zip(members, paths, strict=True)):
        corners = [at(torch.tensor(c), layer) for c in ((-0.03, -0.06), (1.03, -0.06), (1.03, 1.06), (-0.03, 1.06))]
        drawing.path("M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in corners) + " Z", stroke=PALE, stroke_width=1)
        some = points[chosen]
        for i, ends in _links(some, min(3, len(some) - 1)).items():
            for j in ends:
                if i < j:
                    drawing.line(*at(some[i], layer), *at(some[j], layer), stroke=PALE, stroke_width=0.8)
        for point in some:
            drawing.dot(*at(point, layer), 3.4, PALE)
        drawing.text(10, 82 + 122 * layer, f"{len(chosen)} points")
        for i, j in zip(path, path[1:], strict=False):
            drawing.line(*at(points[i], layer), *at(points[j], layer), stroke_width=3.4)
        for i in path:
            drawing.dot(*at(points[i], layer), 5)
        if layer < 2:
            x, y = at(points[path[-1]], layer)
            drawing.line(x, y + 7, x, y + 114, arrow=True, dash=True, stroke=ACCENT, stroke_width=2)
    x, y = at(query, 2)
    for sign in (1, -1):
        drawing.line(x - 7, y - 7 * sign, x + 7, y + 7 * sign, stroke=ACCENT, stroke_width=3)
    x, y = at(points[paths[0][0]], 0)
    drawing.text(x - 12, y + 5, "start", 16, "end")
    x, y = at(query, 2)
    drawing.line(x, y + 9, x, 364, stroke_width=1)
    drawing.text(x, 382, "query", 16, "middle")
    return drawing


def two_processes():
    batch = 4
    drawing = Drawing(
        700,
        290,
        "Two processes share a batch",
        f"A batch of {2 * batch} clips and captions is cut in two. Process 0 embeds the first {batch} and "
        "process 1 the "
        f"others. All embeddings are exchanged, so both hold the whole score matrix of {2 * batch} times "
        f"{2 * batch}, with "
        f"{2 * batch * (2 * batch - 1)} wrong pairs; without the exchange each would see {batch} times {batch}, and "
        f"together {2 * batch * (batch - 1)} wrong pairs. At last the gradients are averaged.",
    )
    heads = ((52, "batch"), (210, "embed"), (365, "exchange"), (548, "scores: 8 × 8 in both"))
    for x, words in heads:
        drawing.text(x, 24, words, 16, "middle")
    for i in range(2 * batch):
        drawing.box(22, 42 + 26 * i + (18 if i >= batch else 0), 60, 22, PALE if i < batch else "none", radius=2)
    for process in range(2):
        y = 42 + 122 * process
        drawing.line(88, y + 50, 144, y + 50, arrow=True)
        drawing.box(150, y, 120, 100, radius=8)
        drawing.text(210, y + 44, "process", 16, "middle")
        drawing.text(210, y + 66, f"{process}", 16, "middle")
        drawing.line(276, y + 50, 320, y + 50, arrow=True)
        for i in range(2 * batch):
            own = (i < batch) == (process == 0)
            drawing.box(330, y + 2 + 12 * i, 54, 10, PALE if i < batch else "none", radius=0, stroke_width=1)
            if not own:
                drawing.box(330, y + 2 + 12 * i, 54, 10, radius=0, stroke=ACCENT, stroke_width=1.6)
        drawing.line(392, y + 50, 436, y + 50, arrow=True)
        size = 12
        for i in range(2 * batch):
            for j in range(2 * batch):
                inside = (i < batch) == (j < batch)
                drawing.box(500 + size * j, y + 2 + size * i, size, size, "currentColor" if i == j else
                            "none" if inside else ACCENT, radius=0, stroke_width=0.6,
                            fill_opacity=1 if i == j else 0.35)  # fmt: skip
    drawing.line(352, 145, 352, 163, arrow=True, stroke=ACCENT, stroke_width=2.4)
    drawing.line(364, 161, 364, 143, arrow=True, stroke=ACCENT, stroke_width=2.4)
    drawing.text(690, 284, "tinted: pairs that only the exchange brings", 16, "end")
    return drawing


def shards():
    drawing = Drawing(
        700,
        230,
        "An index on several machines",
        "A sentence goes to three machines, each with a third of the clips. Each answers with its own best two, with "
        "scores; the best two of these six are the best two of all clips.",
    )
    answers = [("0.91", "0.62"), ("0.74", "0.70"), ("0.83", "0.41")]
    best = sorted((float(x) for pair in answers for x in pair), reverse=True)[:2]
    drawing.box(12, 92, 108, 44, radius=8)
    drawing.text(66, 119, "sentence", 16, "middle")
    for i, pair in enumerate(answers):
        y = 12 + 74 * i
        drawing.line(120, 114, 190, y + 28, arrow=True)
        drawing.box(198, y, 150, 56, radius=8)
        drawing.text(273, y + 24, f"machine {i}", 16, "middle")
        drawing.text(273, y + 45, "a third of the clips", 14, "middle")
        drawing.line(348, y + 28, 388, y + 28, arrow=True)
        drawing.text(396, y + 33, ", ".join(pair))
        drawing.line(482, y + 28, 550, 114 + 10 * (i - 1), arrow=True)
    drawing.box(558, 84, 128, 60, stroke=ACCENT, stroke_width=2.4, radius=8)
    drawing.text(622, 119, ", ".join(f"{x:.2f}" for x in best), 16, "middle", font_weight="bold")
    return drawing
