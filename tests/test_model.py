"""The model: the paper's formulas by hand, and what holds for any clips. Absent experts: also test_static_shapes.py."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mee.model import (
    MEE,
    NO_EXPERT,
    BatchNorm,
    ContextGating,
    GatedEmbeddingUnit,
    ModelConfig,
    NetVLAD,
    TextEmbedding,
    VideoEmbedding,
    VideoTextMEE,
)

DIMS = {"face": (6, 5), "audio": (8, 4), "visual": (7, 6)}
TEXT = 9
EXACT = {"rtol": 0, "atol": 0}


def trained(make, *arguments, **options):
    """``make(...)`` with the same weights each time and, as after training, statistics that are not 0 and 1."""
    torch.manual_seed(0)
    model = make(*arguments, **options)
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return model.eval()


def block(dims=DIMS, **options):
    return trained(MEE, dims, TEXT, **options)


def data(texts=5, clips=5):
    g = torch.Generator().manual_seed(1)
    videos = {name: torch.randn(clips, i, generator=g) for name, (i, _) in DIMS.items()}
    ind = {name: torch.rand(clips, generator=g) < 0.6 for name in DIMS}
    ind["face"][:] = True  # every clip has at least one expert
    return torch.randn(texts, TEXT, generator=g), videos, ind


# ----------------------------------------------------------------------------------------------------- the MEE block


def by_the_book(mee, captions, videos, ind):
    """The score one pair at a time, straight from the paper's sum."""
    text = mee.embed_text(captions)
    out = torch.zeros(len(captions), len(ind["face"]))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            present = [k for k, name in enumerate(mee.experts) if ind[name][j]]
            share = text.weights[i, present] / text.weights[i, present].sum()
            for w, k in zip(share, present, strict=True):
                name = mee.experts[k]
                out[i, j] += w * (text.vectors[name][i] @ mee.video_GU[name](videos[name][j : j + 1])[0])
    return out


@pytest.mark.parametrize("options", [{}, {"learned_weights": False, "gating": False}])
def test_score_is_the_weighted_mean_over_the_present_experts(options):
    mee, (captions, videos, ind) = block(**options), data(4, 6)
    assert_close(mee(captions, videos, ind), by_the_book(mee, captions, videos, ind))
    weights = mee.embed_text(captions).weights
    assert_close(weights.sum(1), torch.ones(4))
    if options:
        assert_close(weights, torch.full((4, 3), 1 / 3))


def test_rectangular_and_pairwise():
    mee, (captions, videos, ind) = block(), data()
    matrix = mee(captions, videos, ind)
    assert_close(mee(captions, videos, ind, conf=False), matrix.diagonal())
    assert_close(mee(captions[:2], videos, ind), matrix[:2])
    with pytest.raises(ValueError, match="as many captions as clips"):
        mee(captions[:2], videos, ind, conf=False)


def test_arguments_are_left_alone():
    mee, (captions, videos, ind) = block(), data()
    before = captions.clone(), {k: v.clone() for k, v in videos.items()}, {k: v.clone() for k, v in ind.items()}
    first = mee(captions, videos, ind)
    assert_close(before, (captions, videos, ind), **EXACT)
    assert list(videos) == list(DIMS)
    assert_close(mee(captions, videos, ind), first, **EXACT)


@given(*[st.permutations(list(DIMS))] * 3)
@settings(max_examples=20, deadline=None)
def test_the_order_of_keys_never_matters(of_dims, of_videos, of_ind):
    captions, videos, ind = data()
    other = block({name: DIMS[name] for name in of_dims})
    scores = other(captions, {name: videos[name] for name in of_videos}, {name: ind[name] for name in of_ind})
    assert_close(scores, block()(captions, videos, ind), **EXACT)


def test_a_clip_without_any_expert_ranks_last():
    mee, (captions, videos, ind) = block(), data(4, 4)
    for x in ind.values():
        x[2] = False
    scores = mee(captions, videos, ind)
    assert torch.isfinite(scores).all()
    assert (scores[:, 2] == NO_EXPERT).all() and (scores.argmin(1) == 2).all()
    assert mee(captions, videos, ind, conf=False)[2] == NO_EXPERT
    scores.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in mee.parameters())


def test_an_expert_that_the_sentence_does_not_trust_at_all():
    """All weight on what the clip lacks: still the similarity of what it has, not 0/0."""
    mee, (captions, videos, _) = block(), data(3, 3)
    with torch.no_grad():
        mee.moe_fc.weight.zero_()
        mee.moe_fc.bias.copy_(torch.tensor([500.0 if name == "face" else 0.0 for name in mee.experts]))
    ind = {"face": [0, 0, 0], "audio": [1, 1, 1], "visual": [0, 0, 0]}
    text = mee.embed_text(captions).vectors["audio"]
    assert_close(mee(captions, videos, ind), text @ mee.video_GU["audio"](videos["audio"]).T)


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
        assert_close(mee(captions, videos, {name: form(x) for name, x in ind.items()}), expected, **EXACT)
    assert_close(mee(captions.double().numpy(), videos, ind), expected, **EXACT)
    everything = mee(captions, videos, {name: [1] * 5 for name in DIMS})
    assert_close(mee(captions, videos), everything, **EXACT)
    assert_close(mee(captions, videos, {"face": [1] * 5}), everything, **EXACT)
    # an expert that is left out of videos is absent
    less = {name: x for name, x in videos.items() if name != "audio"}
    assert_close(mee(captions, less), mee(captions, videos, {"audio": [0] * 5}), **EXACT)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c, v, i: (c, {**v, "smell": c}, i), "videos names .'smell'"),
        (lambda c, v, i: (c, v, {**i, "smell": [1] * 5}), "ind names .'smell'"),
        (lambda c, v, i: (c[:, :3], v, i), r"captions must be \(rows, 9\); got \(5, 3\)"),
        (lambda c, v, i: (c, {**v, "face": v["face"][:3]}, i), "different numbers of clips: .*'face': 3"),
        (lambda c, v, i: (c, {**v, "face": v["face"][:, :3]}, i), r"'face'. must be \(clips, 6\); got \(5, 3\)"),
        (lambda c, v, i: (c, v, {**i, "face": [1] * 4}), r"ind\['face'\] must be \(5,\)"),
        (lambda c, v, i: (c, v, {**i, "face": [0, 1, 2, 1, 1]}), "0/1"),
        (lambda c, v, i: (c, {}, None), "empty"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        block()(*change(*data()))
    with pytest.raises(ValueError, match="at least one expert"):
        MEE({}, TEXT)


def test_no_tensor_of_texts_times_clips_times_experts():
    """Peak size of any tensor made while scoring: two matrices, not one for each expert."""
    sizes = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            sizes.extend(x.numel() for x in tree_leaves(out) if isinstance(x, torch.Tensor))
            return out

    mee, (captions, videos, ind) = block(), data(300, 300)
    text, video = mee.embed_text(captions), mee.embed_video(videos, ind)
    with Watch():
        mee.score(text, video)
    assert max(sizes) == 300 * 300
    sizes.clear()
    with Watch():
        mee.score(text, video, conf=False)
    assert max(sizes) <= 300 * sum(o for _, o in DIMS.values())


def test_units_by_hand():
    torch.manual_seed(0)
    gate, x = ContextGating(4), torch.randn(6, 4)
    z = gate.fc(x)
    z = (z - z.mean(0)) / (z.var(0, unbiased=False) + gate.batch_norm.eps).sqrt()
    assert_close(gate(x), x / (1 + torch.exp(-z)))
    assert_close(GatedEmbeddingUnit(4, 3)(x).norm(dim=1), torch.ones(6))
    unit = GatedEmbeddingUnit(4, 3, gating=False)
    assert_close(unit(x), F.normalize(unit.fc(x), dim=1))


def test_batch_norm_far_from_zero():
    """A mean of squares less a squared mean would lose the variance: in double precision at 1e6, in single at 1,000."""
    mask, upstream = torch.arange(12) < 11, torch.randn(12, 5, dtype=torch.float64)
    for dtype, offset, atol in ((torch.float64, 1e6, 1e-6), (torch.float32, 1000, 1e-3)):
        rows = (offset + torch.randn(12, 5, dtype=torch.float64)).to(dtype)
        results = []
        for x, norm in ((rows, BatchNorm(5).to(dtype)), (rows.double() - offset, BatchNorm(5).double())):
            x = x.clone().requires_grad_()
            y = norm(x, mask)
            y.backward(upstream.to(y) * mask[:, None])
            results.append((y[mask].double(), x.grad[mask].double()))
        assert_close(*results, rtol=0, atol=atol)


def test_embeddings_are_cut_and_joined():
    mee, (captions, videos, ind) = block(), data()
    for whole, other in ((mee.embed_text(captions), TextEmbedding), (mee.embed_video(videos, ind), VideoEmbedding)):
        assert_close(other.concat([whole.rows(slice(0, 2)), whole.rows([2]), whole.rows(torch.tensor([3, 4]))]), whole)
        assert_close(whole.rows([4, 0]).vectors["face"], whole.vectors["face"][[4, 0]])
    video = mee.embed_video(videos, ind)
    assert_close(video.mask, torch.stack([ind[name] for name in mee.experts], 1))
    assert mee.experts == ["audio", "face", "visual"]


def test_weights_are_renormalised_for_each_clip_not_for_the_paired_one():
    """The leak: on pure noise, with optional experts, the wrong mask finds the right clip far above chance."""
    torch.manual_seed(0)
    n, experts = 400, {f"e{i}": (8, 8) for i in range(5)}
    mee = MEE(experts, TEXT).eval()
    videos = {name: torch.randn(n, 8) for name in experts}
    ind = {name: torch.rand(n) < 0.5 for name in list(experts)[1:]}
    scores = mee(torch.randn(n, TEXT), videos, ind).detach()
    ten = (scores > scores.diagonal()[:, None]).sum(1) < 10
    assert ten.float().mean() < 0.06  # chance 0.025; the leak gives about 0.1


def test_the_originals_readme_example_runs_as_printed():
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


# --------------------------------------------------------------------------------------------------------- NetVLAD


def test_netvlad_row_by_row():
    net, x = trained(NetVLAD, 4, 3), torch.randn(2, 5, 3)
    out = torch.zeros(2, 3, 4)
    for item in range(2):
        for row in x[item]:
            z = row @ net.clusters
            bn = net.batch_norm
            z = (z - bn.running_mean) / (bn.running_var + bn.eps).sqrt() * bn.weight + bn.bias
            a = torch.softmax(z, 0)
            for k in range(4):
                out[item, :, k] += a[k] * (row - net.clusters2[0, :, k])
    assert_close(net(x), F.normalize(F.normalize(out, dim=1).flatten(1), dim=1))


@given(st.integers(1, 6), st.integers(0, 20), st.booleans(), st.sampled_from([0.0, float("nan"), 1e20]))
@settings(max_examples=40, deadline=None)
def test_padding_changes_nothing(rows, pads, training, garbage):
    g = torch.Generator().manual_seed(rows)
    x = torch.randn(3, rows, 3, generator=g)
    mask = torch.ones(3, rows, dtype=torch.bool)
    mask[0, rows // 2 + 1 :] = False
    padded = torch.cat([torch.where(mask[..., None], x, garbage), torch.full((3, pads, 3), garbage)], 1)
    net, other = (trained(NetVLAD, 4, 3).train(training) for _ in range(2))
    pooled = other(padded, F.pad(mask, (0, pads)))
    assert_close(pooled, net(x, mask))
    assert_close(list(other.buffers()), list(net.buffers()))
    pooled.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in other.parameters())


def test_a_sentence_has_one_vector_whatever_is_beside_it():
    net = trained(NetVLAD, 4, 3)
    short, long, nothing = torch.randn(1, 2, 3), torch.randn(1, 9, 3), torch.full((1, 9, 3), torch.nan)
    together = torch.cat([F.pad(short, (0, 0, 0, 7)), long, nothing])
    mask = torch.arange(9) < torch.tensor([[2], [9], [0]])
    assert_close(net(together, mask), torch.cat([net(short), net(long), torch.zeros(1, 12)]))
    with pytest.raises(ValueError, match=r"pools \(items, rows, 3\); got \(2, 3\)"):
        net(torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"the mask of \(3, 9, 3\) must be \(3, 9\)"):
        net(together, mask[:2])


# ----------------------------------------------------------------------------------------------- the whole network


CONFIG = ModelConfig({"audio": (4, 5), "face": (6, 7), "speech": (3, 4)}, 8, {"speech": 2, "audio": 3}, 4)


def network():
    return trained(VideoTextMEE, CONFIG)


def ragged(n=6, longest=5):
    g = torch.Generator().manual_seed(3)
    words, videos = torch.randn(n, longest, 8, generator=g), {"face": torch.randn(n, 6, generator=g)}
    word_mask = torch.arange(longest) < torch.randint(1, longest + 1, (n, 1), generator=g)
    masks = {}
    for name, dim in (("audio", 4), ("speech", 3)):
        videos[name] = torch.randn(n, longest, dim, generator=g)
        masks[name] = torch.arange(longest) < torch.randint(0, longest + 1, (n, 1), generator=g)
    ind = {"face": torch.rand(n, generator=g) < 0.5}
    ind["face"][0] = True
    return words, word_mask, videos, ind, masks


@given(st.permutations(range(6)), st.integers(0, 6))
@settings(max_examples=20, deadline=None)
def test_order_and_company_change_no_score(order, at):
    words, word_mask, *video = ragged()
    net = network()
    parts = []
    for rows in filter(None, (order[:at], order[at:])):
        parts.append(net(words, word_mask, *({k: v[rows] for k, v in part.items()} for part in video)))
    assert_close(torch.cat(parts, 1), net(words, word_mask, *video)[:, order])


@pytest.mark.parametrize("training", [False, True])
def test_a_sequence_without_rows_is_absent_and_an_absent_one_has_no_rows(training):
    words, word_mask, videos, ind, masks = ragged()
    masks["audio"][:] = True
    by_mask = {**masks, "audio": masks["audio"].clone()}
    by_mask["audio"][2] = False
    junk = {**videos, "audio": videos["audio"].clone()}
    junk["audio"][2] = torch.nan
    results = []
    for arguments in (
        (videos, ind, by_mask),
        (junk, {**ind, "audio": torch.ones(6)}, by_mask),  # whatever ind says
        (junk, {**ind, "audio": [1, 1, 0, 1, 1, 1]}, masks),
    ):
        net = network().train(training)
        results.append((net(words, word_mask, *arguments), list(net.buffers())))
        assert net.embed_video(*arguments).mask[:, net.experts.index("audio")].tolist() == [i != 2 for i in range(6)]
    assert_close(results[1], results[0], **EXACT)
    assert_close(results[2], results[0], **EXACT)


@pytest.mark.parametrize("training", [False, True])
def test_no_captions_and_no_clips(training):
    words, word_mask, *video = ragged()
    net = network().train(training)
    nothing = ({k: v[:0] for k, v in part.items()} for part in video)
    assert net(words[:0], word_mask[:0], *nothing).shape == (0, 0)


def test_a_model_carries_its_config():
    net = network()
    assert net.config is CONFIG and (CONFIG.max_words, CONFIG.max_frames) == (30, None)
    assert net.experts == ["audio", "face", "speech"]
    with pytest.raises(ValueError, match=r"clusters names \['smell'\]; the experts are \['face'\]"):
        VideoTextMEE(ModelConfig({"face": (6, 7)}, 8, {"smell": 2}))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_gives_what_the_cpu_gives():
    arguments = ragged()
    assert_close(network().cuda()(*arguments).cpu(), network()(*arguments), rtol=1e-4, atol=1e-5)
