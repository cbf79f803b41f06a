"""The model, trap by trap (../shared/facts/traps.md; the numbers in brackets are its rows) and property by property."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from mee.model import MEE, NO_EXPERT, BatchNorm, ContextGating, GatedEmbeddingUnit, NetVLAD, VideoTextMEE

DIMS = {"face": (6, 5), "audio": (8, 4), "visual": (7, 6)}
TEXT = 9


def block(seed=0, dims=DIMS, **options):
    torch.manual_seed(seed)
    mee = MEE(dims, TEXT, **options)
    for module in mee.modules():  # as after training: statistics that are not 0 and 1
        if isinstance(module, BatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return mee.eval()


def data(texts=5, clips=5, seed=1, dims=DIMS):
    g = torch.Generator().manual_seed(seed)
    videos = {name: torch.randn(clips, i, generator=g) for name, (i, _) in dims.items()}
    ind = {name: torch.rand(clips, generator=g) < 0.6 for name in dims}
    ind[next(iter(dims))][:] = True  # every clip has at least one expert
    return torch.randn(texts, TEXT, generator=g), videos, ind


def by_the_book(mee, captions, videos, ind):
    """The score one pair at a time, straight from the paper's sum."""
    text, weights = mee.embed_text(captions)
    out = torch.zeros(len(captions), len(next(iter(videos.values()))))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            there = [k for k, name in enumerate(mee.experts) if ind[name][j]]
            share = weights[i, there] / weights[i, there].sum()
            for w, k in zip(share, there, strict=True):
                name = mee.experts[k]
                out[i, j] += w * (text[name][i] @ mee.video_GU[name](videos[name][j : j + 1])[0])
    return out


def test_score_is_the_weighted_mean_over_what_is_there():
    mee, (captions, videos, ind) = block(), data(4, 6)
    assert_close(mee(captions, videos, ind), by_the_book(mee, captions, videos, ind))


def test_weights_are_renormalised_for_each_clip_not_for_the_paired_one():  # (1)
    """The leak: on pure noise, with optional experts, the wrong mask finds the right clip far above chance."""
    torch.manual_seed(0)
    n, experts = 400, {f"e{i}": (8, 8) for i in range(5)}
    mee = MEE(experts, TEXT).eval()
    videos = {name: torch.randn(n, 8) for name in experts}
    ind = {name: torch.rand(n) < 0.5 for name in list(experts)[1:]}
    scores = mee(torch.randn(n, TEXT), videos, ind).detach()
    ten = (scores > scores.diagonal()[:, None]).sum(1) < 10
    assert ten.float().mean() < 0.06  # chance 0.025; the leak gives about 0.1


def test_rectangular_and_pairwise():
    mee, (captions, videos, ind) = block(), data(5, 5)
    matrix = mee(captions, videos, ind)
    assert_close(mee(captions, videos, ind, conf=False), matrix.diagonal())
    assert_close(mee(captions[:2], videos, ind), matrix[:2])
    with pytest.raises(ValueError, match="as many captions as clips"):
        mee(captions[:2], videos, ind, conf=False)


def test_arguments_are_left_alone():  # (2)
    mee, (captions, videos, ind) = block(), data()
    before = captions.clone(), {k: v.clone() for k, v in videos.items()}, {k: v.clone() for k, v in ind.items()}
    first = mee(captions, videos, ind)
    assert_close(before, (captions, videos, ind), rtol=0, atol=0)
    assert list(videos) == list(DIMS)
    assert_close(mee(captions, videos, ind), first, rtol=0, atol=0)


@given(st.permutations(list(DIMS)), st.permutations(list(DIMS)), st.permutations(list(DIMS)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_keys_never_matters(of_dims, of_videos, of_ind):  # (3)
    captions, videos, ind = data()
    expected = block()(captions, videos, ind)
    other = block(dims={name: DIMS[name] for name in of_dims})
    found = other(captions, {name: videos[name] for name in of_videos}, {name: ind[name] for name in of_ind})
    assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("garbage", [0.0, 1e30, float("nan"), float("inf")])
@pytest.mark.parametrize("training", [False, True])
def test_what_is_absent_is_never_computed_on(garbage, training):  # (14, 15, 25)
    captions, videos, ind = data(6, 6)
    results = []
    for fill in (0.5, garbage):
        mee = block().train(training)
        filled = {name: x.clone().requires_grad_() for name, x in videos.items()}
        given_ = {name: torch.where(ind[name][:, None], x, fill) for name, x in filled.items()}
        scores = mee(captions, given_, ind)
        scores.sum().backward()
        gradients = [p.grad for p in mee.parameters()] + [x.grad for x in filled.values()]
        results.append((scores.detach(), gradients, list(mee.buffers())))
    assert_close(results[0], results[1], rtol=0, atol=0)


def test_batch_statistics_are_those_of_present_rows():  # (14)
    captions, videos, ind = data(8, 8)
    mee = block().train()
    unit = mee.video_GU["audio"]
    unit.cg.batch_norm.reset_running_stats()
    mee(captions, videos, ind)
    rows = unit.cg.fc(unit.fc(videos["audio"][ind["audio"]]))
    assert 2 <= len(rows) < 8
    assert_close(unit.cg.batch_norm.running_var, 0.9 + 0.1 * rows.var(0))
    assert_close(unit.cg.batch_norm.running_mean, 0.1 * rows.mean(0))


def test_a_clip_without_any_expert_ranks_last():  # (5)
    captions, videos, ind = data(4, 4)
    ind = {name: x.clone() for name, x in ind.items()}
    for x in ind.values():
        x[2] = False
    mee = block()
    scores = mee(captions, videos, ind)
    assert torch.isfinite(scores).all()
    assert (scores[:, 2] == NO_EXPERT).all()
    assert (scores.argmin(1) == 2).all()
    assert mee(captions, videos, ind, conf=False)[2] == NO_EXPERT
    scores.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in mee.parameters() if p.grad is not None)


def test_an_expert_that_the_sentence_does_not_trust_at_all():
    """All weight on what the clip lacks: still the similarity of what it has, not 0/0."""
    mee, (captions, videos, _) = block(), data(3, 3)
    with torch.no_grad():
        mee.moe_fc.weight.zero_()
        mee.moe_fc.bias.copy_(torch.tensor([500.0 if name == "face" else 0.0 for name in mee.experts]))
    ind = {"face": [0, 0, 0], "audio": [1, 1, 1], "visual": [0, 0, 0]}
    text, _ = mee.embed_text(captions)
    assert_close(mee(captions, videos, ind), text["audio"] @ mee.video_GU["audio"](videos["audio"]).T)


def test_a_batch_of_one_trains():  # (16)
    mee = block().train()
    captions, videos, _ = data(1, 1)
    before = [x.clone() for x in mee.buffers()]
    mee(captions, videos).sum().backward()
    assert_close(before, list(mee.buffers()), rtol=0, atol=0)
    captions, videos, ind = data(4, 4)
    ind["audio"] = [False, False, True, False]  # a single row of one expert in a batch of four
    assert torch.isfinite(mee(captions, videos, ind)).all()
    ind["audio"] = [False] * 4
    assert torch.isfinite(mee(captions, videos, ind)).all()


def test_ind_in_every_form():
    mee, (captions, videos, ind) = block(), data()
    expected = mee(captions, videos, ind)
    for form in (
        lambda x: x.numpy(),
        lambda x: x.numpy().astype(np.float64),
        lambda x: x.tolist(),
        lambda x: x.int().tolist(),
        lambda x: x.float(),
    ):
        assert_close(mee(captions, videos, {name: form(x) for name, x in ind.items()}), expected, rtol=0, atol=0)
    everything = mee(captions, videos, {name: [1] * 5 for name in DIMS})
    assert_close(mee(captions, videos), everything, rtol=0, atol=0)
    assert_close(mee(captions, videos, {"face": [1] * 5}), everything, rtol=0, atol=0)
    # an expert that is left out of videos is absent
    less = {name: x for name, x in videos.items() if name != "audio"}
    assert_close(mee(captions, less), mee(captions, videos, {"audio": [0] * 5}), rtol=0, atol=0)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c, v, i: (c, {**v, "smell": c}, i), "smell"),
        (lambda c, v, i: (c, v, {**i, "smell": [1] * 5}), "smell"),
        (lambda c, v, i: (c[:, :3], v, i), "captions is"),
        (lambda c, v, i: (c, {**v, "face": v["face"][:3]}, i), "face"),
        (lambda c, v, i: (c, {**v, "face": v["face"][:, :3]}, i), "face"),
        (lambda c, v, i: (c, v, {**i, "face": [1] * 4}), "face"),
        (lambda c, v, i: (c, v, {**i, "face": [0, 1, 2, 1, 1]}), "0/1"),
        (lambda c, v, i: (c, {}, None), "empty"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        block()(*change(*data()))


def test_no_tensor_of_texts_times_clips_times_experts():  # (9)
    """Peak size of any tensor made while scoring: two matrices, not one for each expert."""
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            for x in out if isinstance(out, (tuple, list)) else [out]:
                if isinstance(x, torch.Tensor):
                    largest = max(largest, x.numel())
            return out

    mee, (captions, videos, ind) = block(), data(300, 300)
    text, video = mee.embed_text(captions), mee.embed_video(videos, ind)
    with Watch():
        mee.score(text, video)
    assert largest == 300 * 300
    largest = 0
    with Watch():
        mee.score(text, video, conf=False)
    assert largest <= 300 * sum(o for _, o in DIMS.values())


def test_the_readme_example_runs_as_printed():  # (4, 24)
    n = 4
    video_modality_dim = {"face": (128, 128), "audio": (128 * 16, 128), "visual": (2048, 2048), "motion": (1024, 1024)}
    mee_block = MEE(video_modality_dim, 1000)
    if torch.cuda.is_available():
        mee_block.cuda()
    captions = np.random.default_rng(0).standard_normal((n, 1000))
    videos = {name: torch.randn(n, dim) for name, (dim, _) in video_modality_dim.items()}
    ind = {name: np.ones(n) for name in videos}
    ind["visual"] = np.concatenate((np.ones(n // 2), np.zeros(n // 2)), axis=0)
    matrix_result = mee_block(captions, videos, ind, conf=True)
    pairwise_result = mee_block(captions, videos, ind, conf=False)
    assert matrix_result.shape == (n, n)
    assert pairwise_result.shape == (n,)


def test_uniform_weights_and_no_gate():
    captions, videos, ind = data()
    mee = block(learned_weights=False, gating=False)
    assert_close(mee.embed_text(captions)[1], torch.full((5, 3), 1 / 3))
    unit = mee.video_GU["face"]
    assert_close(unit(videos["face"]), F.normalize(unit.fc(videos["face"]), dim=1))
    assert_close(mee(captions, videos, ind), by_the_book(mee, captions, videos, ind))


def test_gate_by_hand():
    torch.manual_seed(0)
    gate, x = ContextGating(4), torch.randn(6, 4)
    z = gate.fc(x)
    z = (z - z.mean(0)) / (z.var(0, unbiased=False) + gate.batch_norm.eps).sqrt()
    assert_close(gate(x), x / (1 + torch.exp(-z)))
    unit = GatedEmbeddingUnit(3, 4)
    assert_close(unit(torch.randn(6, 3)).norm(dim=1), torch.ones(6))


# --------------------------------------------------------------------------------------------------------- NetVLAD


def vlad(seed=0):
    torch.manual_seed(seed)
    net = NetVLAD(4, 3)
    net.batch_norm.running_mean.normal_()
    net.batch_norm.running_var.uniform_(0.5, 2)
    return net.eval()


def test_netvlad_row_by_row():
    net, x = vlad(), torch.randn(2, 5, 3)
    out = torch.zeros(2, 3, 4)
    for item in range(2):
        for row in x[item]:
            z = row @ net.clusters
            bn = net.batch_norm
            z = (z - bn.running_mean) / (bn.running_var + bn.eps).sqrt() * bn.weight + bn.bias
            a = torch.softmax(z, 0)
            for k in range(4):
                out[item, :, k] += a[k] * (row - net.clusters2[0, :, k])
    out = F.normalize(F.normalize(out, dim=1).flatten(1), dim=1)
    assert_close(net(x), out)


@given(st.integers(1, 6), st.integers(0, 20), st.booleans(), st.sampled_from([0.0, float("nan"), 1e20]))
@settings(max_examples=40, deadline=None)
def test_padding_changes_nothing(rows, pads, training, garbage):  # (12, 13)
    g = torch.Generator().manual_seed(rows)
    x = torch.randn(3, rows, 3, generator=g)
    mask = torch.ones(3, rows, dtype=torch.bool)
    mask[0, rows // 2 + 1 :] = False
    padded = torch.cat([torch.where(mask[..., None], x, garbage), torch.full((3, pads, 3), garbage)], 1)
    net, other = vlad().train(training), vlad().train(training)
    expected = net(x, mask)
    found = other(padded, F.pad(mask, (0, pads)))
    assert_close(found, expected)
    assert_close(list(other.buffers()), list(net.buffers()))
    found.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in other.parameters())


def test_a_sentence_has_one_vector_whatever_is_beside_it():  # (13)
    net = vlad()
    short, long = torch.randn(1, 2, 3), torch.randn(1, 9, 3)
    both = torch.zeros(2, 9, 3)
    both[0, :2], both[1] = short[0], long[0]
    mask = torch.tensor([[True] * 2 + [False] * 7, [True] * 9])
    assert_close(net(both, mask), torch.cat([net(short), net(long)]))


def test_no_words_at_all():
    assert_close(vlad()(torch.full((2, 3, 3), float("nan")), torch.zeros(2, 3, dtype=torch.bool)), torch.zeros(2, 12))


# ----------------------------------------------------------------------------------------------- the whole network


def network(seed=0):
    torch.manual_seed(seed)
    return VideoTextMEE({"audio": (4, 5), "face": (6, 7), "speech": (3, 4)}, 8, 4, {"audio": 3, "speech": 2}).eval()


def ragged(n=6, longest=5, seed=3):
    g = torch.Generator().manual_seed(seed)
    words, videos = torch.randn(n, longest, 8, generator=g), {"face": torch.randn(n, 6, generator=g)}
    word_mask = torch.arange(longest) < torch.randint(1, longest + 1, (n, 1), generator=g)
    masks = {}
    for name, dim in (("audio", 4), ("speech", 3)):
        videos[name] = torch.randn(n, longest, dim, generator=g)
        masks[name] = torch.arange(longest) < torch.randint(0, longest + 1, (n, 1), generator=g)
    ind = {"face": torch.rand(n, generator=g) < 0.5}
    ind["face"][0] = True
    return words, word_mask, videos, ind, masks


@given(st.permutations(range(6)))
@settings(max_examples=20, deadline=None)
def test_permuting_clips_permutes_scores(order):
    words, word_mask, videos, ind, masks = ragged()
    net, rows = network(), list(order)
    expected = net(words, word_mask, videos, ind, masks)[:, rows]
    moved = ({k: v[rows] for k, v in part.items()} for part in (videos, ind, masks))
    assert_close(net(words, word_mask, *moved), expected)


@given(st.integers(1, 5))
@settings(max_examples=5, deadline=None)
def test_splitting_a_batch_changes_no_score(at):
    words, word_mask, videos, ind, masks = ragged()
    net = network()
    expected = net(words, word_mask, videos, ind, masks)
    parts = []
    for rows in (slice(0, at), slice(at, 6)):
        parts.append(net(words, word_mask, *({k: v[rows] for k, v in part.items()} for part in (videos, ind, masks))))
    assert_close(torch.cat(parts, 1), expected)


@pytest.mark.parametrize("training", [False, True])
def test_a_sequence_without_rows_is_absent(training):
    words, word_mask, videos, ind, masks = ragged()
    masks["audio"][2] = False
    first, second = network().train(training), network().train(training)
    expected = first(words, word_mask, videos, ind, masks)
    videos = {**videos, "audio": videos["audio"].clone()}
    videos["audio"][2] = float("nan")
    said = {**ind, "audio": torch.ones(6)}  # whatever ind says
    assert_close(second(words, word_mask, videos, said, masks), expected, rtol=0, atol=0)
    assert_close(list(first.buffers()), list(second.buffers()), rtol=0, atol=0)
    assert not first.embed_video(videos, ind, masks)[1][2, first.experts.index("audio")]


def test_an_absent_sequence_by_ind_stays_out_of_the_batch_norm():
    words, word_mask, videos, ind, masks = ragged()
    masks["audio"][:] = True
    absent = {**ind, "audio": [1, 1, 0, 1, 1, 1]}
    first, second = network().train(), network().train()
    first(words, word_mask, videos, absent, masks)
    masks["audio"][2] = False
    second(words, word_mask, videos, ind, masks)
    assert_close(list(first.buffers()), list(second.buffers()), rtol=0, atol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_gives_what_the_cpu_gives():  # (4)
    arguments = ragged()
    expected = network()(*arguments)
    assert_close(network().cuda()(*arguments).cpu(), expected, rtol=1e-4, atol=1e-5)
