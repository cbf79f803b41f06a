"""The search index: the same as ``model.score``, by either score, whatever is missing, added, removed or damaged."""

import copy
import errno
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F

import mee.search.stores
import mee.storage.files
from mee.calibration import LAST, Calibration
from mee.cli import main
from mee.data import Words
from mee.evaluate import calibrate, embed
from mee.model import MEE, NO_EXPERT, ModelConfig, TextEmbedding, VideoEmbedding, VideoTextMEE
from mee.search import ClipIndex, IndexFileError, encode_query
from mee.storage import read_clips, save_model, seal
from mee.train import fit_clips

DIMS = {"face": 8, "audio": 5, "motion": 6}
TINYCLIPS = Path(__file__).parents[1] / "notebooks/data/tinyclips.h5"


def world(clips, texts=7, seed=0, dims=DIMS, present=0.6):
    """Random unit embeddings of ``clips`` clips, NaN where an expert is absent, and of ``texts`` sentences."""
    g = torch.Generator().manual_seed(seed)
    dims = dict(sorted(dims.items()))
    mask = torch.rand(clips, len(dims), generator=g) < present
    videos = {name: F.normalize(torch.randn(clips, dim, generator=g), dim=1) for name, dim in dims.items()}
    texts = {name: F.normalize(torch.randn(texts, dim, generator=g), dim=1) for name, dim in dims.items()}
    videos = {name: x.masked_fill(~mask[:, [i]], torch.nan) for i, (name, x) in enumerate(videos.items())}
    weights = torch.softmax(2 * torch.randn(len(texts["motion"]), len(dims), generator=g), 1)
    weights[0] = torch.eye(len(dims))[0]  # weights of zero have a floor, as in model.score: scores are always defined
    return VideoEmbedding(videos, mask), TextEmbedding(texts, weights)


def calibration_of(dims=DIMS, captions=60):
    """The calibration of other clips of such a world, whose embeddings do not spread around zero."""
    video, text = world(400, max(captions, 1), seed=99, dims=dims)
    shifted = {name: F.normalize(x + 0.2, dim=1) for name, x in video.vectors.items()}
    return Calibration.estimate(VideoEmbedding(shifted, video.mask), text if captions else None)


def kept(video, calibration=None, half=False):
    """What an index keeps: the embeddings, zero where they are absent, and h; both rounded to float16 if asked to."""
    mask = video.mask
    videos = {name: x.masked_fill(~mask[:, [i]], 0) for i, (name, x) in enumerate(video.vectors.items())}
    clean = VideoEmbedding(videos, mask)
    h, mean = torch.zeros(len(mask)), dict.fromkeys(videos, torch.tensor(0.0))
    if calibration is not None:
        h, mean = calibration.hubness(clean), calibration.mean
    if half:
        rounded = {name: (x - mean[name]).half().float() + mean[name] for name, x in videos.items()}
        clean, h = VideoEmbedding(rounded, mask).keep(mask), h.half().float()
    return clean, h


def scores(video, text, experts=None, dims=DIMS, calibration=None, hubness=None):
    """``model.score`` (texts, clips), where only ``experts`` are used; the calibrated one if there is a calibration."""
    clean, _ = kept(video)
    model = MEE({name: (3, dim) for name, dim in dims.items()}, 4)
    if experts is not None and set(experts) < set(dims):  # without experts, z is left of the calibrated score
        keep = torch.tensor([name in experts for name in model.experts]).expand_as(clean.mask)
        hubness, clean = 0, clean.keep(keep)
    if calibration is None:
        return model.score(text, clean)
    if hubness is None:
        return model.score(text, clean, calibration=calibration)
    return calibration.z(text, clean) - hubness


def ids(count):
    return [f"clip {i} é\n" for i in range(count)]


def filled(clips, seed=0, **options):
    video, text = world(clips, seed=seed)
    index = ClipIndex(DIMS, **options)
    metadata = [{"split": ("train", "test")[i % 2], "film": i % 5} for i in range(clips)]
    for part in torch.arange(clips).tensor_split([6 * clips // 10, 7 * clips // 10]):
        index.add([ids(clips)[i] for i in part], video.rows(part), [metadata[i] for i in part])
    return index, video, text


#: an index without a calibration; then the two scores of one with a calibration
HOW = {"plain": {}, "paper": {"score": "paper"}, "calibrated": {}}


def calibration_for(how, **options):
    return None if how == "plain" else calibration_of(**options)


def best_scores(index, text, k, **options):
    return torch.tensor([[hit.score for hit in hits] for hits in index.search(text, k, **options)])


def assert_same_hits(index, other, text, **options):
    """Both give the same hits; those with equal scores may change places."""
    for hits, others in zip(index.search(text, 20, **options), other.search(text, 20, **options), strict=True):
        assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in others], abs=1e-6)
        # clips without any expert all score the same
        assert {hit.id for hit in hits if hit.weight} == {hit.id for hit in others if hit.weight}


# --------------------------------------------------------------------------------------------------- exact search


@pytest.mark.parametrize("experts", [None, ["face", "face"], ["audio", "motion"]])  # naming one twice changes nothing
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("seed", range(2))
def test_exact_search_is_model_score(seed, how, dtype, experts):
    calibration = calibration_for(how)
    index, video, text = filled(200, seed, dtype=dtype, calibration=calibration)
    rows = [*video.mask.sum(0).tolist(), int(video.mask.any(1).sum())]  # audio, face, motion, any
    assert index.nbytes == (4 if dtype == "float32" else 2) * np.dot([5, 8, 6, how != "plain"], rows)
    options, atol = {"experts": experts, **HOW[how]}, 2e-5 if how == "calibrated" else 1e-6
    # with float16, what is kept is rounded, and nothing else
    rounded, hubness = kept(video, calibration, dtype == "float16")
    expected = scores(rounded, text, experts, calibration=calibration if how == "calibrated" else None, hubness=hubness)
    if how == "calibrated" and dtype == "float32":
        torch.testing.assert_close(expected, scores(video, text, experts, calibration=calibration))
    names = ids(200)
    for q, hits in enumerate(index.search(text, 200, **options)):
        assert sorted(hit.id for hit in hits) == sorted(names), "with k as large as the index each clip is a hit"
        got = torch.tensor([hit.score for hit in hits])
        want = expected[q, [names.index(hit.id) for hit in hits]]
        torch.testing.assert_close(got, want, atol=atol, rtol=0)
        assert (got.diff() <= 1e-7).all(), "best first"
    for k in (1, 3, 50):
        best = best_scores(index, text, k, **options)
        torch.testing.assert_close(best, expected.topk(k, 1).values, atol=atol, rtol=0)


def test_float16_moves_a_calibrated_score_by_a_thousandth():
    """Which is little beside the 2 or 3 of a good clip."""
    calibration = calibration_of()
    index, video, text = filled(400, dtype="float16", calibration=calibration)
    exact = scores(video, text, calibration=calibration)
    names, moved = ids(400), []
    for q, hits in enumerate(index.search(text, 400)):
        moved += [abs(hit.score - float(exact[q, names.index(hit.id)])) for hit in hits]
    assert 1e-4 < max(moved) < 2e-3 and 2 < exact.max() < 5


@pytest.mark.parametrize("how", HOW)
def test_a_hit_says_why(how):
    calibration = calibration_for(how)
    index, video, text = filled(80, calibration=calibration)
    ((videos, mask), hubness), (texts, weights) = kept(video, calibration), text
    names = ids(80)
    for experts in (None, ["audio", "face"]):
        for q, hits in enumerate(index.search(text, 80, experts=experts, **HOW[how])):
            for hit in hits:
                i = names.index(hit.id)
                has = [name for e, name in enumerate(index.experts) if mask[i, e] and name in (experts or DIMS)]
                assert list(hit.similarity) == list(hit.weight) == has
                assert hit.metadata == {"split": ("train", "test")[i % 2], "film": i % 5}
                if not has:
                    assert hit.score == (LAST if how == "calibrated" else NO_EXPERT)
                    assert not hit.parts and hit.hubness == 0
                    continue
                trust = torch.tensor([weights[q, index.experts.index(name)] for name in has]).clamp_min(1e-12)
                cosine = torch.tensor([texts[name][q] @ videos[name][i] for name in has])
                torch.testing.assert_close(torch.tensor(list(hit.weight.values())), trust / trust.sum())
                torch.testing.assert_close(torch.tensor(list(hit.similarity.values())), cosine)
                assert list(hit.parts) == has
                assert hit.score == pytest.approx(sum(hit.parts.values()) - hit.hubness, abs=1e-5)
                if how == "calibrated":
                    assert hit.hubness == pytest.approx(0 if experts else float(hubness[i]), abs=1e-6)
                    mean = torch.stack([calibration.mean[name] @ texts[name][q] for name in has])
                    variance = calibration.variance(text)[q, [index.experts.index(name) for name in has]]
                    by_hand = trust * (cosine - mean) / (trust**2 * variance).sum().sqrt()
                    torch.testing.assert_close(torch.tensor(list(hit.parts.values())), by_hand, atol=1e-5, rtol=1e-4)
                else:
                    by_hand = {name: hit.weight[name] * hit.similarity[name] for name in has}
                    assert hit.parts == pytest.approx(by_hand, abs=1e-6) and hit.hubness == 0
                hit.metadata["split"] = "changed"  # it is a copy


def test_without_hubness_the_order_among_clips_with_the_same_experts_is_the_papers():
    index, video, text = filled(200, calibration=calibration_of(captions=0))
    pattern = dict(zip(ids(200), video.mask.tolist(), strict=True))
    both = index.search(text, 200), index.search(text, 200, score="paper")
    for hits, others in zip(*both, strict=True):
        assert all(hit.hubness == 0 for hit in hits) and [hit.id for hit in hits] != [hit.id for hit in others]
        for mask in video.mask[video.mask.any(1)].unique(dim=0).tolist():
            calibrated, paper = ([hit.id for hit in part if pattern[hit.id] == mask] for part in (hits, others))
            assert calibrated == paper


@pytest.mark.parametrize("how", HOW)
def test_clips_without_an_expert_come_last_even_behind_the_worst(how):
    calibration = None if how == "plain" else Calibration({"a": torch.tensor([0.1, 0.2])}, {"a": torch.eye(2)})
    index = ClipIndex({"a": 2}, calibration=calibration)
    x = {"a": [[-1.0, 0.0], [0.0, 0.0], [-1.001, 0.0]]}  # rounding can take a cosine beyond -1
    index.add(["opposite", "nothing", "beyond"], (x, [[True], [False], [True]]))
    query = ({"a": [[1.0, 0.0]]}, [[1.0]])
    hits = index.search(query, 3, **HOW[how])[0]
    assert [hit.id for hit in hits] == ["opposite", "beyond", "nothing"]
    assert hits[2].score == (LAST if how == "calibrated" else NO_EXPERT)
    assert hits[2].similarity == hits[2].weight == hits[2].parts == {}
    assert [hit.id for hit in index.search(query, 1, **HOW[how])[0]] == ["opposite"]


@pytest.mark.parametrize(
    "filter, keep",
    [
        ({"split": "test"}, lambda i: i % 2 == 1),
        ({"split": "train", "film": 3}, lambda i: i % 2 == 0 and i % 5 == 3),
        (lambda metadata: metadata["film"] > 2, lambda i: i % 5 > 2),
        ({"split": "val"}, lambda i: False),
        ({"unknown": 1}, lambda i: False),
        ({}, lambda i: True),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("how", HOW)
def test_filter(how, dtype, filter, keep):
    calibration = calibration_for(how)
    index, video, text = filled(150, dtype=dtype, calibration=calibration)
    index.remove(ids(10))  # a filter and removed clips together
    remaining = [i for i in range(10, 150) if keep(i)]
    expected = scores(video, text, calibration=calibration if how == "calibrated" else None)
    expected = expected[:, remaining].sort(1, descending=True).values
    atol = {"float32": 1e-6, "float16": 5e-4}[dtype] * (10 if how == "calibrated" else 1)
    for hits, want in zip(index.search(text, 150, filter=filter, **HOW[how]), expected, strict=True):
        assert {hit.id for hit in hits} == {ids(150)[i] for i in remaining}
        assert [hit.score for hit in hits] == pytest.approx(want.tolist(), abs=atol)


def test_empty():
    index = ClipIndex(DIMS)
    _, text = world(1)
    assert len(index) == 0 and index.ids == [] and "x" not in index and index.search(text) == [[]] * 7
    index.add([], VideoEmbedding({name: torch.zeros(0, dim) for name, dim in DIMS.items()}, torch.zeros(0, 3)))
    assert index.search(text) == [[]] * 7
    full, *_ = filled(5)
    assert full.search(text.rows(slice(0))) == []
    assert len(full.search(text, 100)[0]) == 5, "k may be larger than the index"


# ------------------------------------------------------------------------------------------------- add and remove


@pytest.mark.parametrize("how", HOW)
def test_adding_and_removing_is_like_building_with_what_remains(how):
    video, text = world(400)
    names, rng = ids(400), np.random.default_rng(0)
    calibration = calibration_for(how)
    index, inside, waiting = ClipIndex(DIMS, calibration=calibration), set(), list(range(400))
    for _ in range(30):
        new, waiting = waiting[:20], waiting[20:]
        if new:
            index.add([names[i] for i in new], video.rows(new))
        inside.update(new)
        removed = rng.choice(sorted(inside), min(len(inside) - 5, rng.integers(25)), replace=False).tolist()
        index.remove([names[i] for i in removed])
        inside.difference_update(removed)
        waiting += removed[:10]  # and some come back
    assert sorted(index.ids) == sorted(names[i] for i in inside) and len(index) == len(inside)
    assert names[min(inside)] in index and "clip" not in index
    remaining = sorted(inside)
    other = ClipIndex(DIMS, calibration=calibration)
    other.add([names[i] for i in remaining], video.rows(remaining))
    assert_same_hits(index, other, text, **HOW[how])


def test_remove_all_or_nothing():
    index, _, text = filled(20)
    with pytest.raises(KeyError, match="unknown"):
        index.remove([ids(20)[0], "unknown"])
    assert len(index) == 20
    index.remove(ids(20)[3])
    index.remove([*ids(3), ids(3)[0]])
    assert len(index) == 16 and all(hit.id not in ids(4) for hit in index.search(text, 20)[0])
    with pytest.raises(KeyError):
        index.remove(ids(1))
    index.remove(index.ids)
    assert len(index) == 0 and index.search(text) == [[]] * 7


BAD = {
    "an id twice": (lambda i, v, m: (["a", "a"], v, m), "twice"),
    "a known id": (lambda i, v, m: (["new", "old"], v, m), "'old' is in the index already"),
    "an id that is no text": (lambda i, v, m: ([1, "b"], v, m), "a str, .* 1 is not"),
    "too few ids": (lambda i, v, m: (["b"], v, m), "need a mask"),
    "a narrow mask": (lambda i, v, m: (i, v, m[:, :2]), "need a mask"),
    "an expert left out": (lambda i, v, m: (i, {"face": v["face"]}, m), "experts of this index"),
    "an unknown expert": (lambda i, v, m: (i, {**v, "smell": v["face"]}, m), "smell"),
    "other dimensions": (lambda i, v, m: (i, {**v, "face": v["face"][:, :7]}, m), re.escape("(2, 8); got (2, 7)")),
    "NaN": (lambda i, v, m: (i, {**v, "audio": v["audio"] * torch.nan}, m), "'n1': its 'audio' has NaN"),
    "Inf": (lambda i, v, m: (i, {**v, "audio": v["audio"] / 0}, m), "'n1': its 'audio' has NaN"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_added_leaves_no_trace(what):
    change, message = BAD[what]
    video, text = world(2, present=1)
    index = ClipIndex(DIMS)
    index.add(["old"], video.rows([0]))
    new, videos, mask = change(["n1", "n2"], video.vectors, torch.ones(2, 3))
    with pytest.raises(ValueError, match=message):
        index.add(new, VideoEmbedding(videos, mask))
    assert index.ids == ["old"] and len(index.search(text, 5)[0]) == 1


def test_clips_too_long_to_be_calibrated_leave_no_trace():
    video, _ = world(2, present=1)
    index = ClipIndex(DIMS, dtype="float16", calibration=calibration_of())
    huge = {name: x * torch.tensor([[1], [60_000]]) for name, x in video.vectors.items()}  # each fits, h does not
    with pytest.raises(ValueError, match="'b': its hubness has NaN, Inf or a huge number"):
        index.add(["a", "b"], VideoEmbedding(huge, video.mask))
    assert len(index) == 0


def test_metadata_must_be_dicts_that_json_can_hold():
    video, _ = world(1)
    index = ClipIndex(DIMS)
    for metadata, error in (([["a"]], ValueError), ([{"a": object()}], TypeError), ([{}, {}], ValueError)):
        with pytest.raises(error):
            index.add(["a"], video, metadata)
        assert len(index) == 0


# ---------------------------------------------------------------------------------------------------------- queries


def test_queries_that_make_no_sense():
    index, _, (texts, weights) = filled(10)
    for k in (0, -1, 2.5):
        with pytest.raises(ValueError, match="k must be a whole number of at least 1"):
            index.search((texts, weights), k)
    for experts in ([], ["smell"], "face"):
        with pytest.raises(ValueError, match="experts must be a list"):
            index.search((texts, weights), experts=experts)
    with pytest.raises(ValueError, match="no model"):
        index.search("a dog")
    bad = [
        (texts, weights[:, :2], "weights must be"),
        (texts, weights * torch.nan, "finite"),
        (texts, weights / 0, "finite"),
        (texts, -weights, "not negative"),
        ({**texts, "face": texts["face"] * torch.nan}, weights, "'face' has NaN"),
        ({**texts, "face": texts["face"][:, :3]}, weights, "'face' must be"),
        ({"face": texts["face"]}, weights, "experts of this index"),
    ]
    for t, w, message in bad:
        with pytest.raises(ValueError, match=message):
            index.search(TextEmbedding(t, w))
    with pytest.raises(ValueError, match="score must be one of paper, calibrated; got 'z'"):
        index.search((texts, weights), score="z")
    with pytest.raises(ValueError, match="no calibration.*`mee calibrate MODEL CLIPS`.*build the index again"):
        index.search((texts, weights), score="calibrated")
    assert index.search((texts, weights), score="paper") == index.search((texts, weights))


def test_a_calibration_that_does_not_fit():
    for dims in ({"face": 8, "audio": 5}, {**DIMS, "motion": 7}):
        with pytest.raises(ValueError, match="a calibration of {'audio': 5, 'face': 8.*, an index of {'audio': 5"):
            ClipIndex(DIMS, calibration=calibration_of(dims={"motion": 1, **dims}, captions=3))
    calibration = calibration_of()
    calibration.mean_face[2] = torch.nan
    with pytest.raises(ValueError, match="the calibration's 'mean_face' is not .8,. of finite numbers"):
        ClipIndex(DIMS, calibration=calibration)


@pytest.mark.parametrize("arguments", [{"dims": {}}, {"dims": {"a": 0}}, {"kind": "tree"}, {"dtype": "int8"}])
def test_an_index_that_cannot_be(arguments):
    with pytest.raises(ValueError):
        ClipIndex(**{"dims": DIMS, **arguments})


def test_an_index_says_that_it_needs_faiss(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)  # importing it raises ImportError
    with pytest.raises(ImportError, match=r'pip install "mee\[search\]"'):
        ClipIndex(DIMS)


@pytest.fixture(scope="module")
def clips():
    return read_clips(TINYCLIPS, check=False)


@pytest.fixture(scope="module")
def model(clips):
    """A network with the shape of TinyClips, and random weights, without the face expert; it reads 12 frames."""
    experts = {name: (expert.dim, 8 + i) for i, (name, expert) in enumerate(clips.experts.items()) if name != "face"}
    sequences = {name: 3 for name in experts if clips.experts[name].kind == "sequence"}
    config = ModelConfig(experts, clips.word_dim, sequences, text_clusters=4, max_words=6, max_frames=12)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VideoTextMEE(config).eval()


def test_build_and_search_in_words(clips, model, tmp_path):
    clip_ids = clips.clips_in("test")[:150]
    index = ClipIndex.build(model, clips, clip_ids, chunk=64, progress=False)
    assert len(index) == 150 and index.experts == model.experts
    captions = torch.tensor([0, 1])
    _, video = embed(model, clips, captions, clip_ids)
    sentences = ["a red car in the snow", "Somebody plays the guitar, xyzzy! " + "and a car " * 9]
    with torch.no_grad():
        expected = model.score(model.embed_text(*clips.words.batch(sentences, 6)), video)
    found = index.search(sentences, 150)
    for hits, want in zip(found, expected, strict=True):
        want = dict(zip([clips.ids[i] for i in clip_ids], want.tolist(), strict=True))
        assert [hit.score for hit in hits] == pytest.approx([want[hit.id] for hit in hits], abs=1e-5)
        assert all(hit.metadata == {"split": "test"} for hit in hits)
    alone = index.search(sentences[0], 150)  # one sentence, one list, and the same but for rounding
    assert [hit.score for hit in alone] == pytest.approx([hit.score for hit in found[0]], abs=1e-6)
    assert index.search([], 5) == []
    with pytest.raises(ValueError, match="'xyzzy plugh': none of its words"):
        index.search(["a car", "xyzzy plugh"])
    with pytest.raises(ValueError, match="none of its words"):
        index.search("")
    index.save(tmp_path / "x.index")
    before = torch.get_rng_state()
    again = ClipIndex.load(tmp_path / "x.index")
    assert again.search(sentences, 150) == found, "the file holds the model and its words"
    assert torch.equal(before, torch.get_rng_state()), "the caller's random numbers are left alone"
    assert again.words.words == clips.words.words and again.model.config == model.config
    for name, value in model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value)


@pytest.fixture
def calibrated(clips, model):
    """The same network, with a calibration."""
    model = copy.deepcopy(model)
    model.calibration = calibrate(model, clips, torch.arange(200), captions=50)
    return model


def test_an_index_has_the_calibration_of_its_model(clips, calibrated, tmp_path):
    index = ClipIndex.build(calibrated, clips, range(300, 400), chunk=64, progress=False)
    captions, _ = clips.captions_of(torch.arange(300, 310))
    text, video = embed(calibrated, clips, captions, range(300, 400))
    expected = calibrated.score(text, video, calibration=calibrated.calibration)
    best = torch.tensor([[hit.score for hit in hits] for hits in index.search(text, 10)])
    torch.testing.assert_close(best, expected.topk(10, 1).values, atol=2e-5, rtol=0)
    found = index.search("a red car")
    index.save(tmp_path / "x")
    again = ClipIndex.load(tmp_path / "x")
    assert again.search("a red car") == found
    torch.testing.assert_close(again.model.state_dict(), calibrated.state_dict(), rtol=0, atol=0)
    # the clips are centred by the first calibration, whatever becomes of the model's
    index.model.double()
    assert [hit.id for hit in index.search("a red car")] == [hit.id for hit in found]
    index.model.float()
    calibrated.calibration = calibrate(calibrated, clips, torch.arange(50, 80), captions=5)
    assert index.search("a red car") == found
    index.save(tmp_path / "x")
    assert ClipIndex.load(tmp_path / "x").search("a red car") == found


def test_a_model_that_is_calibrated_later_needs_a_new_index(clips, model, calibrated, tmp_path):
    index = ClipIndex.build(calibrated, clips, range(0), progress=False)
    assert index.calibration is not None and index.search("a red car") == []
    calibration, calibrated.calibration = calibrated.calibration, None
    index = ClipIndex.build(calibrated, clips, range(40), progress=False)
    found = ClipIndex.build(model, clips, range(40), progress=False).search("a red car")
    calibrated.calibration = calibration
    for each in (index, (index.save(tmp_path / "x"), ClipIndex.load(tmp_path / "x"))[1]):
        assert each.search("a red car") == found and each.calibration is None
        with pytest.raises(ValueError, match="build the index again"):
            each.search("a red car", score="calibrated")


def test_a_sentence_is_embedded_once_for_many_searches(clips, model, monkeypatch):
    index = ClipIndex.build(model, clips, range(40), progress=False)
    text = encode_query(index, "a red car")
    hits = index.search("a red car")
    monkeypatch.setattr(model, "embed_text", None)
    assert index.search(text) == [hits]
    assert len(index.search(text, experts=["motion"])[0]) == 10
    assert text.weights.shape == (1, len(index.experts)) and text.weights.sum() == pytest.approx(1)


def test_a_model_in_training_stays_in_training(clips, model):
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    index = ClipIndex.build(model, clips, torch.arange(40), progress=False)
    hits = index.search("a red car")
    assert model.training and all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    model.eval()
    assert index.search("a red car") == hits


def test_build_needs_a_common_expert_and_each_clip_once(clips, model):
    with pytest.raises(ValueError, match="no expert in common"):
        ClipIndex.build(VideoTextMEE(ModelConfig({"smell": (3, 4)}, 5)), clips, progress=False)
    with pytest.raises(ValueError, match="twice"):
        ClipIndex.build(model, clips, [1, 2, 1], progress=False)


# ---------------------------------------------------------------------------------------------- approximate search


@pytest.fixture(scope="module")
def many():
    """6,000 clips in 300 clusters, of which a quarter lacks a face; and sentences that ask for some of them."""
    g = torch.Generator().manual_seed(0)
    dims = {"face": 12, "motion": 16}
    centre = {name: torch.randn(300, dim, generator=g) for name, dim in dims.items()}
    which, wanted = torch.randint(300, (6000,), generator=g), torch.randint(300, (50,), generator=g)

    def around(cluster):
        noise = {name: 0.5 * torch.randn(len(cluster), dim, generator=g) for name, dim in dims.items()}
        return {name: F.normalize(centre[name][cluster] + noise[name], dim=1) for name in dims}

    mask = torch.stack([torch.rand(6000, generator=g) > 0.25, torch.ones(6000)], 1).bool()
    weights = torch.softmax(torch.randn(50, 2, generator=g), 1)
    return dims, VideoEmbedding(around(which), mask), TextEmbedding(around(wanted), weights)


@pytest.fixture(params=[("float32", False), ("float16", False), ("float32", True), ("float16", True)])
def graph(request, many, monkeypatch):
    monkeypatch.setattr(mee.search.stores, "GRAPH_MIN", 800)  # so that small groups get a graph
    (dims, video, text), (dtype, calibrated) = many, request.param
    calibration = Calibration.estimate(video.rows(slice(3000)), text) if calibrated else None
    index = ClipIndex(dims, "hnsw", dtype, calibration=calibration)
    names, metadata = ids(6000), [{"part": i % 100} for i in range(6000)]
    for start in range(0, 6000, 2100):
        rows = slice(start, start + 2100)
        index.add(names[rows], video.rows(rows), metadata[rows])
    return index


def recall(index, many, keep=None, **options):
    dims, video, text = many
    right = scores(video, text, dims=dims, calibration=None if "score" in options else index.calibration)
    if keep is not None:
        right[:, ~keep] = -torch.inf
    names = ids(6000)
    best = [{names[i] for i in row} for row in right.topk(10, 1).indices.tolist()]
    found = index.search(text, 10, **options)
    assert all(len(hits) == 10 for hits in found)
    place = {name: i for i, name in enumerate(names)}
    for q, hits in enumerate(found):
        want = [right[q, place[hit.id]].item() for hit in hits]
        atol = 1e-3 if index.calibration is None else 3e-3
        assert [hit.score for hit in hits] == pytest.approx(want, abs=atol), "what is found has its exact score"
    return np.mean([len({hit.id for hit in hits} & row) / 10 for hits, row in zip(found, best, strict=True)])


def test_approximate_search_finds_most(graph, many, tmp_path):
    assert any(group.is_graph for group in graph._groups.values()), "or this tests nothing"
    assert recall(graph, many) > 0.97
    assert recall(graph, many, score="paper") > 0.97, "the same graph, with or without a calibration"
    graph.ef_search = 4
    low = recall(graph, many)
    graph.ef_search = 128
    assert low < recall(graph, many), "ef_search does something"
    numbers = torch.arange(6000) % 100
    exact = 1 if graph.dtype == "float32" else 0.98  # few remain: compared one by one
    assert recall(graph, many, numbers == 7, filter={"part": 7}) >= exact
    assert recall(graph, many, numbers < 90, filter=lambda m: m["part"] < 90) > 0.97  # walked in the graph
    graph.save(tmp_path / "graph")
    assert graph._file_size() >= (tmp_path / "graph").stat().st_size, "room is taken for the graph, too"
    again = ClipIndex.load(tmp_path / "graph")
    assert again.search(many[2], 10) == graph.search(many[2], 10) and again.ef_search == 128


def test_removing_from_a_graph(graph, many):
    names = ids(6000)
    graph.remove(names[:600])
    assert any(group.deleted for group in graph._groups.values()), "marked only"
    assert recall(graph, many, torch.arange(6000) >= 600) > 0.97
    graph.remove(names[600:2100])
    assert not any(group.deleted for group in graph._groups.values()), "rebuilt"
    assert len(graph) == 3900
    assert recall(graph, many, torch.arange(6000) >= 2100) > 0.97


# ----------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("how", HOW)
def test_save_and_load(how, tmp_path):
    index, _, text = filled(90, dtype="float16", calibration=calibration_for(how))
    index.remove(ids(90)[5:25])
    index.save(tmp_path / "deep" / "index")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["index"], "no temporary file remains"
    again = ClipIndex.load(tmp_path / "deep" / "index")
    assert again.search(text, 90, **HOW[how]) == index.search(text, 90, **HOW[how])
    if how == "plain":
        assert again.calibration is None
    else:  # without a model, it is saved all the same
        state = index.calibration.state_dict()
        torch.testing.assert_close(again.calibration.state_dict(), state, rtol=0, atol=0)
    assert sorted(again.ids) == sorted(index.ids) and again.dtype == "float16" and again.model is None
    assert index.search(text, 5, filter={"film": 1}) == again.search(text, 5, filter={"film": 1})
    again.add(["new \ud800"], world(1)[0])  # any str, also one that UTF-8 has no bytes for
    again.save(tmp_path / "deep" / "index")  # over itself
    assert "new \ud800" in ClipIndex.load(tmp_path / "deep" / "index")
    ClipIndex(DIMS).save(tmp_path / "empty")
    assert len(ClipIndex.load(tmp_path / "empty")) == 0


def test_a_damaged_file_is_refused(tmp_path):
    filled(40)[0].save(tmp_path / "good")
    raw, rng = (tmp_path / "good").read_bytes(), np.random.default_rng(0)
    bad = tmp_path / "bad"
    for _ in range(60):
        place, bit = rng.integers(len(raw)), 1 << rng.integers(8)
        bad.write_bytes(raw[:place] + bytes([raw[place] ^ bit]) + raw[place + 1 :])
        with pytest.raises(IndexFileError, match="bad"):
            ClipIndex.load(bad)
    for size in [0, 1, 100, *rng.integers(len(raw), size=20).tolist(), len(raw) - 1, len(raw) + 1]:
        bad.write_bytes((raw + b"x")[:size])
        with pytest.raises(IndexFileError, match="bad"):
            ClipIndex.load(bad)


def put(place, name, value):
    del place[name]
    place[name] = value


def cut(place, name):
    put(place, name, place[name][()][:-1])


def group(file):
    """The first group of clips that have an expert."""
    return next(place for place in file["groups"].values() if "vectors" in place)


WRONG = {
    "another version": (lambda f: f.attrs.update(version=2), "version 2; this library reads 3: rebuild the index"),
    "another format": (lambda f: f.attrs.update(format="mee-clips"), "not an index"),
    "another kind": (lambda f: f.attrs.update(kind="tree"), "fit together"),
    "no dims": (lambda f: f.attrs.pop("dims"), "fit together"),
    "dims that are none": (lambda f: f.attrs.update(dims="[1]"), "fit together"),
    "unknown columns": (lambda f: group(f).attrs.update(columns=[7]), "fit together"),
    "columns out of order": (lambda f: group(f).attrs.update(columns=[2, 0]), "fit together"),
    "other columns": (lambda f: group(f).attrs.update(columns=[]), "fit together"),
    "an id less": (lambda f: cut(group(f), "id/length"), "fit together"),
    "bytes of ids less": (lambda f: cut(group(f), "id/bytes"), "fit together"),
    "no metadata": (lambda f: group(f).pop("metadata"), "fit together"),
    "metadata less": (lambda f: cut(group(f), "metadata"), "fit together"),
    "unknown metadata": (lambda f: put(group(f), "metadata", group(f)["metadata"][()] + 99), "fit together"),
    "distinct metadata less": (lambda f: cut(f, "metadata/length"), "fit together"),
    "a vector less": (lambda f: cut(group(f), "vectors"), "fit together"),
    "vectors of one dimension": (lambda f: put(group(f), "vectors", group(f)["vectors"][:, :1]), "fit together"),
    "vectors of text": (lambda f: put(group(f), "vectors", np.array([b"x"] * 9)), "fit together"),
    "NaN": (lambda f: put(group(f), "vectors", group(f)["vectors"][()] * np.float32("nan")), "NaN"),
}


CALIBRATED = {
    "no calibration": (lambda f: f.pop("calibration"), "fit together"),
    "no mean": (lambda f: f["calibration"].pop("mean_face"), "fit together"),
    "a mean less": (lambda f: cut(f["calibration"], "mean_face"), "fit together"),
    "a covariance less": (lambda f: cut(f["calibration"], "covariance_face"), "fit together"),
    "a caption less": (lambda f: cut(f["calibration"], "captions_face"), "fit together"),
    "a mean of NaN": (lambda f: put(f["calibration"], "mean_face", np.full(8, np.nan, "f4")), "finite"),
    "an unknown part": (lambda f: f["calibration"].create_dataset("smell", data=[1.0]), "fit together"),
}


@pytest.mark.parametrize(
    "what, calibrated", [*((what, False) for what in WRONG), *((what, True) for what in WRONG | CALIBRATED)]
)
def test_a_file_whose_parts_do_not_fit(tmp_path, what, calibrated):
    change, message = (WRONG | CALIBRATED)[what]
    filled(30, calibration=calibration_of() if calibrated else None)[0].save(tmp_path / "x")
    with h5py.File(tmp_path / "x", "r+") as file:
        change(file)
    seal(tmp_path / "x")
    with pytest.raises(IndexFileError, match=message):
        ClipIndex.load(tmp_path / "x")


def test_what_is_no_index(tmp_path):
    (tmp_path / "text").write_text("hello")
    filled(5)[0].save(tmp_path / "edited")
    with h5py.File(tmp_path / "edited", "r+") as file:
        file.attrs["kind"] = "exact"  # HDF5 drops the seal
    for path in (tmp_path / "nowhere", tmp_path, tmp_path / "text", tmp_path / "edited", TINYCLIPS):
        with pytest.raises(IndexFileError, match=re.escape(str(path))):
            ClipIndex.load(path)


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    index, _, text = filled(20)
    index.save(tmp_path / "x")
    before = (tmp_path / "x").read_bytes()

    def full(file, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(mee.storage.files, "reserve", full)
    with pytest.raises(IndexFileError, match="x: cannot be written: No space left"):
        index.save(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["x"]


def test_room_is_taken_for_all_that_is_written(clips, model, calibrated, tmp_path, monkeypatch):
    sizes = []
    monkeypatch.setattr(mee.storage.files, "reserve", lambda file, size: sizes.append(size))
    for each in (model, calibrated):
        ClipIndex.build(each, clips, range(200), progress=False).save(tmp_path / "x")
        assert sizes.pop() >= (tmp_path / "x").stat().st_size
    ClipIndex(DIMS, calibration=calibration_of(captions=40_000)).save(tmp_path / "x")
    assert sizes.pop() >= (tmp_path / "x").stat().st_size


def test_a_model_that_is_not_ours_cannot_be_saved(tmp_path):
    class Mine(VideoTextMEE):
        pass

    index = ClipIndex({"a": 3}, model=Mine(ModelConfig({"a": (2, 3)}, 4)), words=Words(["a"], torch.zeros(1, 4)))
    with pytest.raises(ValueError, match="Mine"):
        index.save(tmp_path / "x")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------ the command line


def test_mee_index_and_mee_search(world, tmp_path, capsys):
    clips = read_clips(world)
    model = fit_clips(clips, epochs=2, dim=8, text_clusters=2, sequence_clusters=2, progress=False).model
    path, index = str(tmp_path / "model.pt"), str(tmp_path / "world.index")

    def search(*more):
        main(["search", index, "a red ball", "-k", "3", *more])
        return [re.split("  +", line.strip()) for line in capsys.readouterr().out.splitlines()]

    save_model(path, model, clips.words)
    main(["index", path, str(world), "-o", index])
    capsys.readouterr()
    plain = search()
    assert len(plain) == 3 and all(re.fullmatch(r"\((\w+ 0\.\d\d x -?\d\.\d\d(, )?)+\)", line[2]) for line in plain)
    with pytest.raises(SystemExit, match="^mee search: .*mee calibrate MODEL CLIPS"):
        search("--score", "calibrated")
    main(["calibrate", path, str(world)])
    main(["index", path, str(world), "-o", index])
    capsys.readouterr()
    calibrated = search()
    assert search("--score", "paper") == plain and search("--score", "calibrated") == calibrated != plain
    hits = ClipIndex.load(index).search("a red ball", 3)
    assert [line[:2] for line in calibrated] == [[f"{hit.score:.3f}", hit.id] for hit in hits]
    for line, hit in zip(calibrated, hits, strict=True):
        parts = dict(part.rsplit(" ", 1) for part in line[2].strip("()").split(", "))
        assert list(parts) == [*hit.parts, "other sentences"]
        assert sum(map(float, parts.values())) == pytest.approx(hit.score, abs=0.02)


# ---------------------------------------------------------------------------------------------------------- Qdrant

for package in ("qdrant_edge", "qdrant_client"):
    pytest.importorskip(package)
from mee.search.qdrant import QdrantIndex, _Folder  # noqa: E402

sys.path.append(str(Path(__file__).parents[1] / "experiments/benchmarks"))
import bench_qdrant  # noqa: E402

NAMES = {"a face": 8, "audio.deep": 5, "motion": 6}  # a point's vectors and payload take any name


def both(clips=80, dims=NAMES, calibration=None, **options):
    video, text = world(clips, texts=3, dims=dims)
    metadata = [{"split": ("train", "test")[i % 2], "film.part": i % 5, "length": i % 3 + 0.5} for i in range(clips)]
    exact = ClipIndex(dims, calibration=calibration)
    index = QdrantIndex(dims, calibration=calibration, **options)
    for each in (exact, index):
        each.add(ids(clips), video, metadata)
    return exact, index, text


def assert_like_exact(index, exact, text, k=10, **options):
    for hits, others in zip(index.search(text, k, **options), exact.search(text, k, **options), strict=True):
        assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in others], abs=2e-5)
        reference = {hit.id: hit for hit in others}
        for hit in hits:
            if hit.id in reference:
                other = reference[hit.id]
                assert hit.similarity == pytest.approx(other.similarity, abs=1e-5) and hit.metadata == other.metadata
                assert hit.weight == pytest.approx(other.weight, abs=1e-5)
                assert hit.parts == pytest.approx(other.parts, abs=2e-5)
                assert hit.hubness == pytest.approx(other.hubness, abs=1e-12)
            else:
                assert not hit.weight, "only clips without any expert may change places"


@pytest.mark.parametrize("depth", [20, 1000])
@pytest.mark.parametrize("how", HOW)
def test_qdrant_is_the_exact_index(how, depth):
    dims = NAMES if how == "plain" else {"a face": 8, "deep": 5, "motion": 6}  # PyTorch has no buffers with a dot
    exact, index, text = both(dims=dims, calibration=calibration_for(how, dims=dims))
    index.depth = depth
    assert len(index) == 80 and ids(5)[4] in index and "unknown" not in index
    for experts in (None, ["motion"], ["motion", [*dims][1]]):
        for filter in (None, {"split": "test"}, {"film.part": 3, "split": "train"}, {"length": 1.5}, {"split": "val"}):
            assert_like_exact(index, exact, text, experts=experts, filter=filter, **HOW[how])
    assert_like_exact(index, exact, text, k=200, **HOW[how])


def test_qdrant_too_shallow_scores_right_but_may_miss():
    exact, index, text = both(300)
    index.depth = 3
    right = [{hit.id: hit.score for hit in hits} for hits in exact.search(text, 300)]
    found = index.search(text, 3)
    for hits, all_ in zip(found, right, strict=True):
        assert [hit.score for hit in hits] == pytest.approx([all_[hit.id] for hit in hits], abs=1e-5)
    assert len(index.search(text, 20)[0]) == 20, "it is never less deep than k"


def test_qdrant_add_and_remove():
    exact, index, text = both(60)
    for each in (exact, index):
        each.remove(ids(60)[10:30])
        with pytest.raises(KeyError):
            each.remove([ids(1)[0], "unknown"])
    assert len(index) == 40
    assert_like_exact(index, exact, text, k=40)
    video, _ = world(1, dims=NAMES)
    for again in (["x", "x"], [ids(1)[0]]):
        with pytest.raises(ValueError):
            index.add(again, video.rows([0] * len(again)))
    with pytest.raises(ValueError, match="NaN"):
        index.add(["x"], ({n: x * torch.nan for n, x in video.vectors.items()}, torch.ones(1, 3)))
    with pytest.raises(ValueError, match="function"):
        index.search(text, filter=lambda metadata: True)
    index.remove([id for id in ids(60) if id in index])
    assert len(index) == 0 and index.search(text) == [[]] * 3


def test_qdrant_in_a_folder(tmp_path):
    exact, index, text = both(30, location=tmp_path / "clips", name="mine")
    index.close()
    again = QdrantIndex(NAMES, tmp_path / "clips", "mine")
    assert_like_exact(again, exact, text)
    again.close()
    with pytest.raises(ValueError, match="exists with the vectors"):
        QdrantIndex({**NAMES, "motion": 7}, tmp_path / "clips", "mine")


def test_qdrant_collections_keep_their_calibration(tmp_path):
    calibration = calibration_of()
    exact, index, text = both(30, DIMS, calibration, location=tmp_path / "clips", name="calibrated")
    index.close()
    _, index, _ = both(30, DIMS, location=tmp_path / "clips", name="plain")
    index.close()
    with pytest.raises(ValueError, match="'calibrated' was made with a calibration, and none is given"):
        QdrantIndex(DIMS, tmp_path / "clips", "calibrated")
    with pytest.raises(ValueError, match="'plain' was made without a calibration, and one is given"):
        QdrantIndex(DIMS, tmp_path / "clips", "plain", calibration=calibration)
    again = QdrantIndex(DIMS, tmp_path / "clips", "calibrated", calibration=calibration)
    for score in ("calibrated", "paper"):
        assert_like_exact(again, exact, text, score=score)
    again.close()
    again = QdrantIndex(DIMS, tmp_path / "clips", "plain")
    with pytest.raises(ValueError, match="build the index again"):
        again.search(text, score="calibrated")
    again.close()


def test_qdrant_in_words(clips, model, calibrated):
    for each in (model, calibrated):
        index = QdrantIndex.build(each, clips, range(60), progress=False)
        exact = ClipIndex.build(each, clips, range(60), progress=False)
        hits, others = index.search("a red car in the snow"), exact.search("a red car in the snow")
        assert [hit.id for hit in hits] == [hit.id for hit in others] and hits[0].metadata == others[0].metadata
        assert hits[0].parts == pytest.approx(others[0].parts, abs=1e-4)


def test_qdrant_survives_a_kill(tmp_path):
    """Nothing is lost of what a process had added when it was killed, and another goes on where it stopped."""
    n, dims = 2000, bench_qdrant.DIMS
    told = bench_qdrant.killed_load(tmp_path / "clips", n, n // 2)
    index = QdrantIndex(dims, tmp_path / "clips")
    assert n > len(index) >= told >= n // 2
    index.close()
    index, exact, world = bench_qdrant.load(tmp_path / "clips", n), ClipIndex(dims), bench_qdrant.World(n)
    assert len(index) == n
    for clip_ids, video in world.clips():
        exact.add(clip_ids, video)
    index.depth = n
    text = world.sentences(4)
    assert_like_exact(index, exact, text, k=100)
    index.optimize()
    index.close()
    index = QdrantIndex(dims, tmp_path / "clips")
    assert_like_exact(index, exact, text)
    index.close()


class Server(BaseHTTPRequestHandler):
    """Answers a client's requests by Qdrant's own core: all of them survive the journey, and mean the same to it."""

    def do(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        folder, path = self.server.folder, self.path.split("?")[0].strip("/").split("/")
        what = (self.command, *path[2:])
        self.server.asked.append(what)
        if what == ("GET", "exists"):
            result = {"exists": folder.shard is not None}
        elif what == ("PUT",):
            result = folder.create(body["vectors"]) is None
        elif what == ("POST", "points", "count"):
            result = {"count": folder.count()}
        elif what == ("POST", "points"):
            result = [fields(point) for point in folder.retrieve(body["ids"])]
        elif what in (("PUT", "points"), ("PUT", "index"), ("POST", "points", "delete")):
            if what[-1] == "delete":
                folder.delete(body["points"])
            elif what[-1] == "points":
                folder.upsert(body["points"])
            result = {"status": "completed", "operation_id": 0}
        elif what == ("POST", "points", "query"):
            result = {"points": [fields(point, score=point.score, version=0) for point in folder.query(body)]}
        elif what == ("POST", "points", "scroll"):
            result = {"points": [fields(point) for point in folder.scroll(body["filter"], body["limit"])]}
        else:
            return self.send_error(404)
        result = json.dumps({"result": result, "status": "ok", "time": 0})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(result.encode())

    do_GET = do_PUT = do_POST = do

    def log_message(self, *rest):
        pass


def fields(point, **more):
    return {"id": str(point.id), "payload": point.payload, "vector": point.vector, **more}


@pytest.mark.filterwarnings("ignore:Failed to obtain server version")
@pytest.mark.parametrize("how", HOW)
def test_qdrant_by_url(how):
    server = HTTPServer(("127.0.0.1", 0), Server)
    server.folder, server.asked = _Folder(None, "clips"), []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        calibration = calibration_for(how)
        exact, index, text = both(40, DIMS, calibration, location=f"http://127.0.0.1:{server.server_port}")
        index.depth = 15
        assert_like_exact(index, exact, text, **HOW[how])
        assert_like_exact(index, exact, text, k=40, filter={"split": "test"}, experts=["motion"], **HOW[how])
        for each in (exact, index):
            each.remove(ids(40)[:9])
        assert_like_exact(index, exact, text, k=40, **HOW[how])
        assert ("POST", "points", "query") in server.asked and ("PUT", "index") in server.asked
    finally:
        server.shutdown()
        server.server_close()
        server.folder.close()
