"""Calibrated scores: the formula term by term, the order within a pattern, static shapes, files, the curve."""

import json

import numpy as np
import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.testing import assert_close
from torch.utils._pytree import tree_map

from mee.calibration import FLOOR, LAST, Calibration, batch_z_scores, ledoit_wolf, z_scores
from mee.cli import main
from mee.config import TrainConfig
from mee.data import Batch
from mee.evaluate import calibrate, compute_ranks, embed, evaluate, rank_embeddings
from mee.model import MEE, TextEmbedding, VideoEmbedding
from mee.robustness import keep_some, robustness, robustness_table
from mee.storage import load_model, read_clips, save_model
from mee.train import fit_clips

DIMS = {"audio": 6, "face": 4, "visual": 5}


def unit(g, rows, dim, around=0.0):
    return torch.nn.functional.normalize(torch.randn(rows, dim, generator=g) + around, dim=1)


def embeddings(texts, clips, seed, share=0.6, dtype=torch.float32):
    """Random embeddings; ``share`` of the (clip, expert) pairs are present, and the last clip has no expert."""
    g = torch.Generator().manual_seed(seed)
    text = {name: unit(g, texts, dim, 0.5).to(dtype) for name, dim in DIMS.items()}
    weights = torch.softmax(2 * torch.randn(texts, len(DIMS), generator=g), 1).to(dtype)
    mask = torch.rand(clips, len(DIMS), generator=g) < share
    mask[-1] = False
    video = {
        name: unit(g, clips, dim, i / 2).to(dtype) * mask[:, i, None] for i, (name, dim) in enumerate(DIMS.items())
    }
    return TextEmbedding(text, weights), VideoEmbedding(video, mask)


@pytest.fixture(scope="module")
def calibration():
    captions, training = embeddings(50, 400, seed=1)
    return Calibration.estimate(training, captions)


def z_by_hand(text, video, calibration, t, v):
    """z of one pair, from the statistics of the similarities themselves."""
    above, below = 0.0, 0.0
    for i, name in enumerate(DIMS):
        if video.mask[v, i]:
            similarity = float(text.vectors[name][t] @ video.vectors[name][v])
            mean = float(text.vectors[name][t] @ calibration.mean[name])
            variance = float(text.vectors[name][t] @ calibration.covariance[name] @ text.vectors[name][t])
            above += float(text.weights[t, i]) * (similarity - mean)
            below += float(text.weights[t, i]) ** 2 * variance
    return above / below**0.5


def test_score_term_by_term(calibration):
    text, video = embeddings(7, 9, seed=2)
    scores = calibration.score(text, video)
    for v in range(8):
        sample = calibration.captions
        of_captions = [z_by_hand(sample, video, calibration, t, v) for t in range(len(sample.weights))]
        hubness = np.log(np.mean(np.exp(of_captions)))
        for t in range(7):
            expected = z_by_hand(text, video, calibration, t, v)
            assert float(calibration.z(text, video)[t, v]) == pytest.approx(expected, abs=1e-4)
            assert float(scores[t, v]) == pytest.approx(expected - hubness, abs=1e-4)
    assert_close(calibration.score(text, video.rows(slice(0, 7)), conf=False), scores[:, :7].diagonal())
    with pytest.raises(ValueError, match="as many captions as clips"):
        calibration.score(text, video, conf=False)
    mee = MEE({name: (3, dim) for name, dim in DIMS.items()}, 4)
    assert torch.equal(mee.score(text, video, calibration=calibration), scores)


def test_mean_and_variance_need_no_gallery():
    """Without shrinkage, the closed form is the mean and the variance of the similarities over the training clips."""
    text, training = embeddings(5, 300, seed=3)
    means, covariances = {}, {}
    for i, name in enumerate(DIMS):
        x = training.vectors[name][training.mask[:, i]]
        means[name], covariances[name] = x.mean(0), torch.cov(x.T, correction=0)
    plain = Calibration(means, covariances)
    for i, name in enumerate(DIMS):
        similarity = text.vectors[name] @ training.vectors[name][training.mask[:, i]].T
        assert_close(text.vectors[name] @ plain.mean[name], similarity.mean(1))
        assert_close(plain.variance(text)[:, i], similarity.var(1, correction=0))
    assert (plain.hubness(training) == 0).all(), "without captions there is no second half"
    assert_close(plain.score(text, training), plain.z(text, training))


def test_wrong_clips_have_mean_0_and_variance_1_whatever_they_lack(calibration):
    text, video = embeddings(200, 4000, seed=4)
    z = calibration.z(text, video)
    for pattern in video.mask[video.mask.any(1)].unique(dim=0):
        of_pattern = z[:, (video.mask == pattern).all(1)]
        assert abs(float(of_pattern.mean())) < 0.15 and abs(float(of_pattern.var(1).mean()) - 1) < 0.25
    mee = MEE({name: (3, dim) for name, dim in DIMS.items()}, 4)
    spread = [mee.score(text, video)[:, video.mask.sum(1) == n].std(1).mean() for n in (1, 3)]
    assert spread[0] > 1.2 * spread[1], "the paper's score, on the same clips, is on another scale for each pattern"


def test_among_clips_with_the_same_experts_the_order_is_the_papers(calibration):
    text, video = embeddings(20, 400, seed=5)
    mee = MEE({name: (3, dim) for name, dim in DIMS.items()}, 4)
    paper, z = mee.score(text, video).double(), calibration.z(text, video).double()
    for pattern in video.mask.unique(dim=0):
        same = (video.mask == pattern).all(1)
        for t in range(20):
            order = paper[t, same].argsort()
            assert (z[t, same][order].diff() > -1e-5).all()
    assert (paper.argsort(1) != z.argsort(1)).any(), "and among all it is another"


def test_clips_without_experts_rank_last(calibration):
    text, video = embeddings(6, 30, seed=6)
    none = ~video.mask.any(1)
    for scores in (calibration.score(text, video), calibration.z(text, video), batch_z_scores(text, video)):
        assert (scores[:, none] == LAST).all() and scores[:, ~none].min() > LAST / 10
    assert (calibration.hubness(video)[none] == 0).all()


def test_degenerate_statistics_stay_finite():
    text, video = embeddings(6, 30, seed=7)
    alike = VideoEmbedding(
        {name: x[:1].expand(30, -1) for name, x in video.vectors.items()}, video.mask[:1].expand(30, -1)
    )
    for training in (alike, video.rows([0]), video.rows([29]), video.keep(torch.tensor([[True, False, False]]))):
        scores = Calibration.estimate(training, text).score(text, video)
        assert scores.isfinite().all() and scores[:, video.mask.any(1)].abs().max() < abs(LAST) / 10
    certain = TextEmbedding(text.vectors, torch.eye(3)[[0, 1, 2, 0, 1, 2]])  # no weight at all for two experts
    assert Calibration.estimate(video, text).score(certain, video).isfinite().all()


def test_any_name_of_an_expert_will_do():
    text, video = embeddings(6, 30, seed=13)
    names = {"audio": "weights", "face": "mean_face", "visual": "captions_weights"}

    def renamed(vectors):
        return {names[name]: x for name, x in vectors.items()}

    # the columns of weights and mask follow the alphabet
    order = sorted(range(3), key=lambda i: list(names.values())[i])
    text_b = TextEmbedding(renamed(text.vectors), text.weights[:, order])
    video_b = VideoEmbedding(renamed(video.vectors), video.mask[:, order])
    a, b = Calibration.estimate(video, text), Calibration.estimate(video_b, text_b)
    b = Calibration.from_state(b.state_dict())
    assert_close(b.score(text_b, video_b), a.score(text, video))


def test_ledoit_wolf_by_its_definition():
    """The share of the identity from its definition, row by row, and the limits."""
    g = np.random.default_rng(0)
    x = torch.from_numpy(g.normal(size=(12, 3)) * [3.0, 1.0, 0.5])
    covariance = ledoit_wolf(x)
    sample = torch.cov(x.T, correction=0)
    identity = sample.trace() / 3 * torch.eye(3, dtype=torch.float64)
    # by definition: the squared error of the sample, row by row, over its distance from the target
    rows = x - x.mean(0)
    error = sum((torch.outer(row, row) - sample).square().sum() for row in rows) / 12**2
    share = error / (sample - identity).square().sum()
    assert 0.02 < share < 0.9
    assert_close(covariance, (1 - share) * sample + share * identity)
    many = torch.randn(20000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 1.0, 0.5])
    assert_close(ledoit_wolf(many), torch.cov(many.T, correction=0), rtol=0.01, atol=0.02)
    assert_close(ledoit_wolf(torch.ones(1, 4)), torch.eye(4) / 4)
    assert_close(ledoit_wolf(torch.ones(5, 4)), torch.zeros(4, 4))


@pytest.mark.parametrize("dtype, near", [(torch.bfloat16, 0.1), (torch.float64, 1e-4)], ids=str)
def test_other_precisions(calibration, dtype, near):
    text, video = embeddings(9, 20, seed=8)
    exact = calibration.score(text, video)
    cast = calibration.score(*embeddings(9, 20, seed=8, dtype=dtype))
    assert cast.dtype == (torch.float32 if dtype == torch.bfloat16 else dtype)
    assert_close(cast.float(), exact, rtol=near, atol=near)
    with torch.autocast("cpu", torch.bfloat16):
        assert_close(calibration.score(text, video), exact, rtol=1e-6, atol=1e-6)


def test_gradients():
    text, video = embeddings(4, 6, seed=9, dtype=torch.float64)
    training = embeddings(1, 50, seed=10, dtype=torch.float64)[1]
    calibration = Calibration.estimate(training, text)
    leaves = [x.clone().requires_grad_() for x in (*text.vectors.values(), text.weights, *video.vectors.values())]

    def run(score):
        def value(*parts):
            a = TextEmbedding(dict(zip(DIMS, parts[:3], strict=True)), parts[3])
            return score(a, VideoEmbedding(dict(zip(DIMS, parts[4:], strict=True)), video.mask))

        return value

    assert torch.autograd.gradcheck(run(calibration.score), leaves)
    # in training no gradient runs through the statistics: as if they were constants
    value = run(batch_z_scores)(*leaves)
    with torch.no_grad():
        mean = {n: video.vectors[n].sum(0) / video.mask[:, i].sum() for i, n in enumerate(DIMS)}
        present = [text.vectors[n] @ video.vectors[n][video.mask[:, i]].T for i, n in enumerate(DIMS)]
        variance = torch.stack([x.var(1, correction=0).mean() for x in present]).expand(4, -1)
    expected = run(lambda a, b: z_scores(a, b, mean, variance))(*leaves)
    assert_close(value, expected)
    keep = torch.randn(value.shape, generator=torch.Generator().manual_seed(0)).double() * video.mask.any(1)
    assert_close(*(torch.autograd.grad((x * keep).sum(), leaves) for x in (value, expected)))


def test_no_number_is_asked_for_and_nothing_large_arises(calibration):
    text, video = embeddings(8, 11, seed=11)
    largest = 0

    class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            out = function(*args, **(kwargs or {}))
            largest = max(largest, out.numel() if isinstance(out, torch.Tensor) else 0)
            return out

    with Sizes():
        calibration.z(*embeddings(300, 300, seed=12))
    assert largest <= 300 * 300
    state = dict(calibration.state_dict())
    with FakeTensorMode() as mode:
        a, b, fake = (tree_map(mode.from_tensor, x) for x in (text, video, state))
        assert Calibration.from_state(fake).score(a, b).shape == (8, 11)
        assert batch_z_scores(a, b).shape == (8, 11)


# ------------------------------------------------------------------------------------------------ with clips and files


@pytest.fixture(scope="module")
def clips(world):
    return read_clips(world)


@pytest.fixture(scope="module")
def model(clips):
    model = fit_clips(clips, epochs=12, dim=16, lr=5e-3, text_clusters=3, sequence_clusters=2, progress=False).model
    model.calibration = calibrate(model, clips)
    return model


def test_evaluate_ranks_by_it(clips, model):
    test = clips.clips_in("test")
    captions, positive_clip = clips.captions_of(test)
    text, video = embed(model, clips, captions, test)
    scores = model.score(text, video, calibration=model.calibration)
    # Many clips have the same sentences. Whether these tie from clip to text depends on their scores' last digits, and
    # so on processor and chunk: there, the rank is between that without ties and that behind all of them.
    own = positive_clip[:, None] == torch.arange(len(test))
    between = []
    for others, right in ((scores.T, own.T), (scores, own)):  # (what is ranked, queries) each
        best = others.masked_fill(~right, -torch.inf).max(0).values
        others = others.masked_fill(right, -torch.inf)
        between.append([1 + (others > best + nearly).sum(0) for nearly in (1e-4, -1e-4)])
    assert torch.equal(*between[0]), "from text to clip there are no ties"
    for chunk in (7, 512):
        t2v, v2t, clip = compute_ranks(model, clips, test, chunk=chunk, calibration=model.calibration)
        assert torch.equal(clip, positive_clip)
        for ranks, (low, high) in zip((t2v, v2t), between, strict=True):
            assert ((low <= ranks) & (ranks <= high)).all()
    paper, calibrated = (evaluate(model, clips, "test", calibration=c) for c in (None, model.calibration))
    assert calibrated["chance"] == paper["chance"]
    assert calibrated["t2v"]["R@10"][0] > 2 * paper["chance"]["t2v"]["R@10"] and calibrated != paper


def test_calibrate_says_what_is_wrong_and_draws_by_its_seed(clips, model):
    with pytest.raises(ValueError, match=r"world.h5: 1 clips to calibrate by"):
        calibrate(model, clips, [0])
    again, other = calibrate(model, clips), calibrate(model, clips, captions=20, seed=1)
    assert_close(again.state_dict(), model.calibration.state_dict(), rtol=0, atol=0)
    assert len(other.captions.weights) == 20 and calibrate(model, clips, captions=0).captions is None
    assert_close(other.mean, again.mean)
    assert (model.calibration.variance(embed(model, clips, [0, 1], [0])[0]) >= FLOOR).all()


def test_it_is_saved_loaded_and_moved_with_its_model(clips, model, tmp_path):
    save_model(tmp_path / "model.pt", model, clips.words)
    loaded, _ = load_model(tmp_path / "model.pt")
    assert_close(loaded.state_dict(), model.state_dict(), rtol=0, atol=0)
    assert (
        evaluate(loaded, clips, "test", bootstrap=0, calibration=loaded.calibration)["t2v"]["MnR"][0]
        == (evaluate(model, clips, "test", bootstrap=0, calibration=model.calibration)["t2v"]["MnR"][0])
    )
    assert all(x.dtype == torch.float64 for x in loaded.double().calibration.state_dict().values())
    bare = fit_clips(clips, epochs=1, dim=4, text_clusters=2, progress=False).model
    save_model(tmp_path / "bare.pt", bare)
    assert load_model(tmp_path / "bare.pt")[0].calibration is None


def test_training_by_it_learns(clips):
    options = {"epochs": 10, "dim": 16, "lr": 5e-3, "text_clusters": 3, "sequence_clusters": 2, "progress": False}
    run = fit_clips(clips, loss="info-nce", score="calibrated", **options)
    calibration = calibrate(run.model, clips)
    found = evaluate(run.model, clips, "test", bootstrap=0, calibration=calibration)
    assert found["t2v"]["R@10"][0] > 2 * found["chance"]["t2v"]["R@10"]
    own = evaluate(run.model, clips, "val", bootstrap=0, calibration=calibration)
    assert_close(run.history[run.best - 1]["val"], own, equal_nan=True)  # validation ranks by the score trained for
    with pytest.raises(ValueError, match="needs loss info-nce"):
        TrainConfig(score="calibrated")
    with pytest.raises(ValueError, match="score must be one of paper, calibrated"):
        TrainConfig(score="z")


# ---------------------------------------------------------------------------------------------------------- the curve


def test_deletions_are_random_nested_and_leave_one():
    mask = torch.rand(3000, 4, generator=torch.Generator().manual_seed(0)) < 0.8
    before, kept = mask, {share: keep_some(mask, share, seed=3) for share in (0.0, 0.3, 0.9, 1.0)}
    assert torch.equal(kept[0.0], mask)
    assert 0.29 < 1 - kept[0.3].sum() / mask.sum() < 0.31
    for keep in kept.values():
        assert not (keep & ~before).any(), "what is deleted stays deleted as the share grows"
        assert torch.equal(keep.any(1), mask.any(1))
        before = keep
    assert (kept[1.0].sum(1) == mask.any(1)).all()
    last = kept[1.0][mask.all(1)].float().mean(0)
    assert (last > 0.2).all(), "the one that is left is any of them"
    assert not torch.equal(keep_some(mask, 0.3, seed=4), kept[0.3])
    with pytest.raises(ValueError, match="between 0 and 1; got 30"):
        keep_some(mask, 30)


def test_a_deleted_expert_is_one_that_was_never_there(clips, model):
    """The curve's ranks are those of clips that lack the features."""
    test = clips.clips_in("test")
    captions, positive_clip = clips.captions_of(test)
    text, video = embed(model, clips, captions, test)
    keep = torch.ones_like(video.mask)
    keep[:, list(model.experts).index("motion")] = False
    without = embed(model, clips, captions, test, experts=["appearance"])[1]
    assert_close(video.keep(keep), without)
    found = rank_embeddings(model, text, video.keep(keep), positive_clip, model.calibration)
    assert_close(found[0], compute_ranks(model, clips, test, ["appearance"], calibration=model.calibration)[0])


def test_the_curve(clips, model):
    result = robustness(model, clips, "test", shares=(0, 0.5), draws=3, bootstrap=50)
    assert list(result["curves"]) == ["paper", "calibrated"] and result["shares"] == [0, 0.5]
    for label, calibration in (("paper", None), ("calibrated", model.calibration)):
        whole = evaluate(model, clips, "test", bootstrap=50, calibration=calibration)
        for direction in ("t2v", "v2t"):
            curve = result["curves"][label][direction]["R@10"]
            assert curve[0] == whole[direction]["R@10"] and curve[0][0] > curve[1][0]
            assert all(low <= value <= high for value, low, high in curve)
    table = robustness_table(result)
    assert table.splitlines()[0] == "| t2v R@10, deleted: | 0 % | 50 % |"
    assert [line.split(" | ")[0] for line in table.splitlines() if line[:3] != "| -"].count("| chance") == 2
    assert len({line.count("|") for line in table.splitlines() if line}) == 1
    with pytest.raises(ValueError, match="none with a caption"):
        robustness(model, clips, torch.zeros(0, dtype=torch.long))


def test_the_command_line(world, model, clips, tmp_path, capsys):
    save_model(tmp_path / "model.pt", model, clips.words)
    given = [str(tmp_path / "model.pt"), str(world)]
    main(["evaluate", *given, "--score", "calibrated", "--json", str(tmp_path / "m.json")])
    assert json.loads((tmp_path / "m.json").read_text())["t2v"]["R@1"][0] == pytest.approx(
        evaluate(model, clips, "test", calibration=model.calibration)["t2v"]["R@1"][0]
    )
    curve = [
        "--delete",
        "0",
        ".5",
        "--draws",
        "2",
        "--json",
        str(tmp_path / "c.json"),
        "--figure",
        str(tmp_path / "c.png"),
    ]
    main(["evaluate", *given, *curve])
    printed = capsys.readouterr().out
    assert "| paper |" in printed and "| calibrated |" in printed and "50 %" in printed
    assert json.loads((tmp_path / "c.json").read_text())["shares"] == [0, 0.5]
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"
    model.calibration, kept = None, model.calibration
    save_model(tmp_path / "bare.pt", model, clips.words)
    with pytest.raises(SystemExit, match=r"bare.pt: not calibrated.*mee calibrate"):
        main(["evaluate", str(tmp_path / "bare.pt"), str(world), "--score", "calibrated"])
    main(["calibrate", str(tmp_path / "bare.pt"), str(world)])
    assert_close(load_model(tmp_path / "bare.pt")[0].calibration.state_dict(), kept.state_dict())
    model.calibration = kept


def test_mee_train_calibrates(world, tmp_path, capsys):
    small = "--epochs 2 --dim 8 --text-clusters 2 --sequence-clusters 2 --no-progress --loss info-nce".split()
    main(["train", str(world), *small, "--score", "calibrated", "--out", str(tmp_path)])
    model, _ = load_model(tmp_path / "model.pt")
    assert_close(model.calibration.state_dict(), calibrate(model, read_clips(world)).state_dict())
    results = json.loads((tmp_path / "metrics.json").read_text())
    assert {"test", "test, calibrated"} <= set(results)
    assert "calibrated" in capsys.readouterr().out


def batch_of(clips):
    from mee.data import MixedBatches

    return next(iter(MixedBatches(clips, clips.clips_in("train"), 16, torch.Generator().manual_seed(0))))


def test_a_calibrated_step_never_waits_for_a_number(clips):
    from mee.loss import InfoNCELoss
    from mee.train import build_model, model_config, train_step

    config = TrainConfig(loss="info-nce", score="calibrated", dim=8, text_clusters=2, sequence_clusters=2)
    batch, shape = batch_of(clips), model_config(clips, config)
    with FakeTensorMode() as mode:
        network = build_model(shape, 0)
        fake = Batch(**tree_map(mode.from_tensor, vars(batch)))
        assert train_step(network.train(), fake, InfoNCELoss(), config).shape == ()
