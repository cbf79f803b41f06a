"""Why calibrated scores help, where they do not, and what they explain: the numbers behind "What we found".

    python experiments/missing_why.py training tinyclips --split val
    python experiments/missing_why.py training memad memad.h5 --split val
    python experiments/missing_why.py puzzles tinyclips
    python experiments/missing_why.py puzzles memad memad.h5
    python experiments/missing_why.py presence tinyclips

training  training with batch statistics: with and without a gradient; a variance per expert or per sentence
puzzles   uniform weights from video to text; who is found too often; do incomplete clips help training?
presence  a constructed case in which absence says something, and one in which it does not
"""

import math
from collections import defaultdict
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from missing_experts import METRICS, Collected, data_of, report, run, trained, without

from mee.compare import difference
from mee.evaluate import calibrate, chance_of, embed
from mee.model import VideoTextMEE
from mee.robustness import keep_some

# ------------------------------------------------------------------------------------------------------------ training


class BatchScore(VideoTextMEE):
    """In training, a score with the batch's own statistics, of which there are several forms; otherwise the paper's."""

    form, scale, gradient, per_sentence = "z", 0.05, True, True

    def score(self, text, video, conf=True, calibration=None):
        if not self.training:
            return super().score(text, video, conf, calibration)
        mask, total, variance = video.mask.to(text.weights), 0, []
        for i, name in enumerate(self.experts):
            count = mask[:, i].sum().clamp_min(1)
            mean = video.vectors[name].sum(0) / count
            mean = mean if self.gradient else mean.detach()
            deviation = (text.vectors[name] @ (video.vectors[name] - mean).T) * mask[:, i]
            spread = deviation.square().sum(1) / count + 1e-6
            spread = spread if self.per_sentence else spread.mean().expand_as(spread)
            variance.append(spread if self.gradient else spread.detach())
            total = total + text.weights[:, i, None] * deviation
        if self.form == "centred":
            return total / (text.weights @ mask.T)
        return self.scale * total / (text.weights.square() * torch.stack(variance, 1) @ mask.T).clamp_min(1e-12).sqrt()


def batch_score(config, **attributes):
    model = BatchScore(config)
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


def training(options):
    forms = {
        "max margin, the paper's score": {},
        "max margin, centred": {"network": partial(batch_score, form="centred")},
        "max margin, gradient, per sentence": {"network": partial(batch_score, scale=0.1)},
        "max margin, no gradient, per expert": {
            "network": partial(batch_score, scale=0.1, gradient=False, per_sentence=False)
        },
        "InfoNCE, the paper's score": {"loss": "info-nce"},
        "InfoNCE, gradient, per sentence": {"loss": "info-nce", "network": batch_score},
        "InfoNCE, no gradient, per sentence": {"loss": "info-nce", "network": partial(batch_score, gradient=False)},
        "InfoNCE, no gradient, per expert (the library's)": {"loss": "info-nce", "score": "calibrated"},
    }
    collected = Collected()
    for seed in options.seeds:
        data = data_of(options)
        captions, positive_clip = data.clips.captions_of(data.test)
        for label, choices in forms.items():
            model = trained(data, seed, **choices)
            model.calibration = calibrate(model, data.clips, data.train, seed=seed)
            text, video = embed(model, data.clips, captions, data.test)
            for share in options.shares:
                kept = video.keep(keep_some(video.mask, share, seed))
                collected.add(label, share, model.calibration.score(text, kept), positive_clip)
        print(f"seed {seed}: done", flush=True)
    names = sorted(model.experts)
    out = {"chance": chance_of(len(data.test), positive_clip), "clips": len(data.test), "captions": len(captions)}
    out["experts"] = dict(zip(names, [round(x, 3) for x in video.mask.float().mean(0).tolist()], strict=True))
    out["shares"], out["curves"] = options.shares, collected.summary(options.shares, "InfoNCE, the paper's score")
    report(out)
    return out


# ------------------------------------------------------------------------------------------------------------- puzzles


def puzzles(options):
    out = {"found": defaultdict(list)}
    collected = Collected()
    for seed in options.seeds:
        data = data_of(options)
        captions, positive_clip = data.clips.captions_of(data.test)
        for weights, learned in (("learned weights", True), ("uniform weights", False)):
            model = trained(data, seed, learned_weights=learned)
            model.calibration = calibrate(model, data.clips, data.train, seed=seed)
            text, video = embed(model, data.clips, captions, data.test)
            collected.add(f"{weights}, paper's score", 0, model.score(text, video), positive_clip)
            collected.add(f"{weights}, calibrated", 0, model.calibration.score(text, video), positive_clip)
            if not learned:
                continue
            kept = video.keep(keep_some(video.mask, 0.3, seed))
            number = kept.mask.sum(1)
            for label, scores in (
                ("paper's score", model.score(text, kept)),
                ("z", model.calibration.z(text, kept)),
                ("calibrated", model.calibration.score(text, kept)),
            ):
                scores[torch.arange(len(scores)), positive_clip] = -math.inf
                top = number[scores.topk(10, 1).indices.flatten()]
                shares = [float((top == n).double().mean() / (number == n).double().mean()) for n in number.unique()]
                out["found"][label].append(shares)
        names = sorted(model.experts)
        complete = data.clips.present[data.train][:, [list(data.clips.experts).index(name) for name in names]].all(1)
        if 0 < complete.sum() < len(complete):
            subset = data.train[complete]
            more = len(data.train) / len(subset)
            epochs = data.options["epochs"]
            same_steps = {"train": subset, "epochs": round(epochs * more), "lr_decay": 0.95 ** (1 / more)}
            for label, choices in (("all clips", {}), ("complete clips only", same_steps)):
                chosen = replace(data, train=choices.pop("train", data.train))
                model = trained(chosen, seed, **choices)
                model.calibration = calibrate(model, data.clips, chosen.train, seed=seed)
                text, video = embed(model, data.clips, captions, data.test)
                collected.add(f"{label}, paper's score", 0, model.score(text, video), positive_clip)
                collected.add(f"{label}, calibrated", 0, model.calibration.score(text, video), positive_clip)
        print(f"seed {seed}: done", flush=True)
    print(
        "\n| wrong clips among the first 10, against their share of the gallery, 30 % deleted | by number of experts |"
    )
    for label, rows in out["found"].items():
        means = torch.tensor(rows).mean(0)
        print(
            f"| {label} | "
            + ", ".join(f"{n}: {x:.2f}" for n, x in zip(number.unique().tolist(), means, strict=True))
            + " |"
        )
    for direction, name, k in METRICS:
        print(f"\n{direction} {name}")
        for label in collected.labels():
            value = collected.result(label, 0).summary(direction, 500)[name]
            print(f"  {label}: " + "{:.1f} [{:.1f}, {:.1f}]".format(*value))
        for a, b in (
            ("uniform weights, paper's score", "learned weights, paper's score"),
            ("uniform weights, calibrated", "learned weights, calibrated"),
            ("learned weights, calibrated", "uniform weights, paper's score"),
            ("all clips, paper's score", "complete clips only, paper's score"),
            ("all clips, calibrated", "complete clips only, calibrated"),
        ):
            if (a, 0) in collected.ranks and (b, 0) in collected.ranks:
                gain = difference(collected.result(a, 0), collected.result(b, 0), direction, k, 4000)
                out[f"{direction} {name}: {a} - {b}"] = gain
                print(f"  {a} - {b}: " + "{:+.1f} [{:+.1f}, {:+.1f}]".format(*gain))
    return out


# ------------------------------------------------------------------------------------------------------------ presence


def presence_term(model, data, text):
    """(texts, experts, 2): log p(absent | sentence) - log p(absent), and the same for present."""
    captions, positive_clip = data.clips.captions_of(data.train)
    own, _ = embed(model, data.clips, captions, data.train[:1])
    present = data.clips.present[data.clips.caption_clip[captions]]
    present = present[:, [list(data.clips.experts).index(name) for name in model.experts]].float()

    def features(x):
        return torch.cat([x.weights, *(x.weights[:, i, None] * x.vectors[e] for i, e in enumerate(model.experts))], 1)

    with torch.enable_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = torch.nn.Linear(features(own).shape[1], present.shape[1])
        adam = torch.optim.AdamW(layer.parameters(), 0.01, weight_decay=0.1)
        for _ in range(300):
            adam.zero_grad()
            F.binary_cross_entropy_with_logits(layer(features(own)), present).backward()
            adam.step()
    with torch.no_grad():
        logits = layer(features(text))
        rate = present.mean(0).clamp(1e-4, 1 - 1e-4)
        return torch.stack([F.logsigmoid(-logits) - (1 - rate).log(), F.logsigmoid(logits) - rate.log()], 2)


def presence(options):
    """Absence by nature (no caption about a face belongs to a film without one), and as many faces absent at random."""
    cases = {"by nature": Collected(), "at random": Collected()}  # their galleries differ
    for seed in options.seeds:
        natural = data_of(options)
        clips, names = natural.clips, list(natural.clips.experts)
        draw = torch.rand(len(clips), generator=torch.Generator().manual_seed(seed))
        always = torch.arange(len(clips))[clips.present[:, names.index("face")]]  # films with a face
        keep = torch.ones(len(always), len(names), dtype=torch.bool)
        keep[:, names.index("face")] = draw[always] >= 0.5
        at_random = without(clips, always, keep, names)
        made = replace(
            natural,
            clips=at_random,
            train=natural.train[torch.isin(natural.train, always)],
            test=natural.test[torch.isin(natural.test, always)],
            options={**natural.options, "val": natural.options["val"][torch.isin(natural.options["val"], always)]},
        )
        for label, data in (("by nature", natural), ("at random", made)):
            captions, positive_clip = data.clips.captions_of(data.test)
            model = trained(data, seed)
            model.calibration = calibrate(model, data.clips, data.train, seed=seed)
            text, video = embed(model, data.clips, captions, data.test)
            term, mask = presence_term(model, data, text), video.mask.float()
            added = term[..., 1] @ mask.T + term[..., 0] @ (1 - mask).T
            scores = model.calibration.score(text, video)
            for name, x in (("calibrated", scores), ("calibrated, and presence", scores + added)):
                cases[label].add(name, 0, x, positive_clip)
        print(f"seed {seed}: done", flush=True)
    out = {}
    for direction, metric, k in METRICS:
        print(f"\n{direction} {metric}")
        for label, collected in cases.items():
            pair = [collected.result(name, 0) for name in ("calibrated, and presence", "calibrated")]
            for name, result in zip(("with the term", "without"), pair, strict=True):
                value = result.summary(direction, 500)[metric]
                print(f"  absent {label}, {name}: " + "{:.1f} [{:.1f}, {:.1f}]".format(*value))
            gain = difference(*pair, direction, k, 4000)
            out[f"{direction} {metric}, absent {label}"] = gain
            print(f"  absent {label}, gain of the term: " + "{:+.1f} [{:+.1f}, {:+.1f}]".format(*gain))
    return out


if __name__ == "__main__":
    run({"training": training, "puzzles": puzzles, "presence": presence}, __doc__)
