"""Lesson 07: ranks, what is made of them, and how sure one is. Examples are small and computed here."""

import random

from kit import ACCENT, PALE, Drawing


def prefixes():
    """Four ranked lists of twelve clips, and the prefixes that R@1, R@5 and R@10 look at."""
    ranks, shown, prefixes = [1, 3, 7, 12], 12, (1, 5, 10)
    recall = {k: 100 * sum(rank <= k for rank in ranks) // len(ranks) for k in prefixes}
    words = ", ".join(f"R@{k} is {value} percent" for k, value in recall.items())
    d = Drawing(
        700,
        300,
        "Recall counts the right clips in a prefix of the list",
        f"Four sentences, each with a row of {shown} ranked clips. The right clip stands at places "
        f"{', '.join(map(str, ranks))}. Three shaded prefixes, one within the other, hold the first 1, 5 and 10 "
        f"places. {words[0].upper()}{words[1:]}.",
    )
    left, top, wide, high = 110, 64, 46, 44
    for k, shade in zip(reversed(prefixes), (0.16, 0.2, 0.3), strict=True):
        d.box(
            left - 4,
            top - 8,
            k * wide + 4,
            len(ranks) * high + 12,
            fill=PALE,
            fill_opacity=shade,
            stroke=PALE,
        )
    for place in range(1, shown + 1):
        d.text(left + (place - 0.5) * wide, top - 18, str(place), anchor="middle")
    d.text(left - 14, top - 18, "place", anchor="end")
    for row, rank in enumerate(ranks):
        y = top + row * high
        d.text(left - 14, y + 24, f"sentence {'ABCD'[row]}", anchor="end")
        for place in range(1, shown + 1):
            x = left + (place - 1) * wide + 4
            if place == rank:
                d.box(x, y, wide - 8, high - 10, fill=ACCENT, stroke_width=2.4)
                d.path(f"M{x + 11} {y + 17} l6 7 l10 -14", stroke="#ffffff", stroke_width=3)
            else:
                d.box(x, y, wide - 8, high - 10)
    for k in prefixes:
        d.text(left + k * wide, top + len(ranks) * high + 28, f"R@{k}", anchor="end")
        d.text(left + k * wide, top + len(ranks) * high + 50, f"{recall[k]} %", anchor="end", font_weight="bold")
    return d


def two_directions():
    """The lesson's matrix of five captions and three clips: a row is a search for a clip, a column for a caption."""
    scores = [[0.8, 0.3, 0.1], [0.2, 0.5, 0.4], [0.1, 0.7, 0.2], [0.6, 0.9, 0.3], [0.5, 0.6, 0.7]]
    owner = [0, 0, 1, 1, 2]
    row, column = 1, 0
    own = [i for i, clip in enumerate(owner) if clip == column]
    t2v = 1 + sum(score > scores[row][owner[row]] for score in scores[row])
    best = max(scores[i][column] for i in own)
    v2t = 1 + sum(scores[i][column] > best for i in range(len(scores)) if i not in own)
    d = Drawing(
        700,
        304,
        "Rows and columns of one matrix are the two directions of search",
        f"The matrix of five captions and three clips. Text to video: row {row} is outlined; its right clip, "
        f"{owner[row]}, scores {scores[row][owner[row]]} and the others more, so its rank is {t2v}. Video to text: "
        f"column {column} is outlined; of the clip's own captions the best scores {best}, its other caption is struck "
        f"out, and no other clip's caption scores more, so the rank is {v2t}.",
    )
    left, top, wide, high = 120, 44, 78, 44
    for j in range(3):
        d.text(left + (j + 0.5) * wide, top - 12, f"clip {j}", anchor="middle")
    for i, line in enumerate(scores):
        y = top + i * high
        d.text(left - 12, y + 28, f"caption {i}", anchor="end")
        for j, score in enumerate(line):
            x = left + j * wide
            right = owner[i] == j
            d.box(
                x,
                y,
                wide,
                high,
                radius=0,
                stroke_width=0.8,
                **({"fill": PALE, "fill_opacity": 0.3} if right else {}),
            )
            d.text(x + wide / 2, y + 28, f"{score:.1f}", 18, "middle", font_weight="bold" if right else None)
    skipped = next(i for i in own if scores[i][column] < best)
    x, y = left + column * wide, top + skipped * high
    d.line(x + 12, y + high - 8, x + wide - 12, y + 8, stroke_width=2.5)
    d.box(left - 3, top + row * high, 3 * wide + 6, high, stroke=ACCENT, stroke_width=3.5)
    d.box(left + column * wide, top - 3, wide, 5 * high + 6, stroke=ACCENT, stroke_width=3.5, dash=True)
    x, y = left + 3 * wide + 6, top + (row + 0.5) * high
    d.line(x, y, x + 26, y, arrow=True)
    words = x + 38
    d.text(words, y - 6, "t2v: a caption asks")
    d.text(words, y + 18, f"two clips above: rank {t2v}", font_weight="bold")
    d.path(f"M{left + wide / 2} {top + 5 * high + 4} v16 H{x + 26}", arrow=True)
    d.text(words, top + 5 * high + 2, "v2t: a clip asks")
    d.text(words, top + 5 * high + 26, f"best own caption: rank {v2t}", font_weight="bold")
    y = top + 2.9 * high
    d.box(words, y - 14, 24, 18, fill=PALE, fill_opacity=0.3, radius=0)
    d.text(words + 34, y, "right pair")
    d.line(words, y + 32, words + 24, y + 18, stroke_width=2.5)
    d.text(words + 34, y + 30, "own too: not in the way")
    return d


def five_rules():
    """One query whose right clip has the score of three others: which place is it?"""
    scores, right = [0.9, 0.5, 0.5, 0.5, 0.5, 0.2], 2
    above = sum(score > scores[right] for score in scores)
    tied = [place for place, score in enumerate(scores, 1) if score == scores[right]]
    rules = {
        "optimistic": [above + 1],
        "pessimistic": [above + len(tied)],
        "by place": [1 + right],
        "by value": tied,
        "mean of ties": [(above + 1 + above + len(tied)) / 2],
    }
    words = "; ".join(f"{name}: {' and '.join(f'{place:g}' for place in places)}" for name, places in rules.items())
    d = Drawing(
        700,
        330,
        "Five rules for the rank of a tied clip",
        f"Six clips in the order of their scores, {', '.join(map(str, scores))}. The four with 0.5 are tied; the right "
        f"clip is one of them and stands at place {1 + right}. Its rank by five rules: {words}.",
    )
    left, top, wide = 160, 40, 74
    x_of = {place: left + (place - 0.5) * wide for place in range(1, len(scores) + 1)}
    d.text(left - 24, top - 14, "place", anchor="end")
    d.text(left - 24, top + 24, "score", anchor="end")
    for place, score in enumerate(scores, 1):
        d.text(x_of[place], top - 14, str(place), anchor="middle")
        here = place == 1 + right
        more = {"fill": ACCENT} if here else {"fill": PALE, "fill_opacity": 0.35} if place in tied else {}
        d.box(x_of[place] - 32, top, 64, 38, **more)
        d.text(x_of[place], top + 24, f"{score}", anchor="middle", **({"fill": "#ffffff"} if here else {}))
    d.text(x_of[1 + right], top + 58, "right clip", anchor="middle")
    for row, (name, places) in enumerate(rules.items()):
        y = top + 92 + 42 * row
        d.text(left - 24, y + 5, name, anchor="end")
        d.line(x_of[1] - 32, y, x_of[len(scores)] + 32, y, stroke=PALE, stroke_width=1)
        for place in places:
            x = left + (place - 0.5) * wide
            d.dot(x, y, 14, fill="#3c4048", stroke="currentColor")
            d.text(x, y + 5, f"{place:g}", 14, "middle", fill="#ffffff", font_weight="bold")
        if len(places) > 1:
            d.text(x_of[len(scores)] + 42, y + 5, f"{len(places)} ranks", font_weight="bold")
    return d


def bootstrap():
    """Six clips, drawn six at a time with repetition, four times over."""
    found, captions = [4, 3, 2, 1, 1, 0], 4
    n, draws = len(found), 4
    g = random.Random(117)
    counts = []
    for _ in range(draws):
        drawn = [g.randrange(n) for _ in range(n)]
        counts.append([drawn.count(clip) for clip in range(n)])
    values = [100 * sum(c * f for c, f in zip(row, found, strict=True)) / (n * captions) for row in counts]
    own = 100 * sum(found) / (n * captions)
    words = "; ".join(
        f"resample {k + 1} takes them {', '.join(map(str, row))} times: {value:.0f} percent"
        for k, (row, value) in enumerate(zip(counts, values, strict=True))
    )
    css = []
    for k in range(draws):
        start = 100 * k / (draws + 1)
        css.append(
            f"@keyframes NAME-r{k} {{ 0%, {start:.0f}% {{ opacity: 0.15; }} {start + 8:.0f}%, 96% {{ opacity: 1; }} "
            f"100% {{ opacity: 0.15; }} }} #NAME .r{k} {{ animation: NAME-r{k} 10s linear infinite; }}"
        )
    d = Drawing(
        700,
        372,
        "A bootstrap draws clips with repetition and measures again",
        f"Six clips with {captions} captions each, of which {', '.join(map(str, found))} found their clip among the "
        f"first ten: R@10 is {own:.0f} percent. Below, {words}. A line of percentages at the bottom shows how the four "
        "values spread about it.",
        css=" ".join(css),
    )
    left, wide, top = 128, 76, 44
    d.text(left - 16, top - 6, "hits", anchor="end")
    d.text(left + n * wide + 16, top - 22, "R@10")
    d.text(left + n * wide + 16, top + 2, f"{own:.0f} %", font_weight="bold")
    for clip, hits in enumerate(found):
        x = left + clip * wide
        d.text(x + 34, top - 22, f"clip {clip + 1}", anchor="middle")
        for k in range(captions):
            d.box(x + 4 + 15 * k, top - 12, 12, 14, radius=2, fill="currentColor" if k < hits else "none")
    low, high = 0.0, 80.0
    base = 350

    def at(value):
        return left + (value - low) / (high - low) * (n * wide - 12)

    for k, (row, value) in enumerate(zip(counts, values, strict=True)):
        y = top + 20 + 56 * k
        d.add(f'<g class="r{k}">')
        d.text(left - 16, y + 28, f"resample {k + 1}", anchor="end")
        for clip, count in enumerate(row):
            x = left + clip * wide
            d.box(x, y, 68, 44, fill=PALE if count else "none", fill_opacity=0.3 if count else 0, dash=not count)
            d.text(x + 34, y + 29, f"{count} ×", 18, "middle", font_weight="bold" if count > 1 else None)
        d.text(left + n * wide + 16, y + 28, f"{value:.0f} %", font_weight="bold")
        d.dot(at(value), base - 24, 8, fill=ACCENT, stroke="currentColor")
        d.add("</g>")
    d.path(f"M{left} {base - 14} H{at(high)}")
    for tick in range(0, 81, 20):
        d.line(at(tick), base - 14, at(tick), base - 8)
        d.text(at(tick), base + 8, f"{tick} %", 15, "middle")
    d.line(at(own), base - 44, at(own), base - 14, dash=True)
    return d
