"""No shape depends on which experts are missing, and what is absent counts nowhere, whatever stands in its rows."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch._subclasses import FakeTensorMode
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException
from torch.testing import assert_close
from torch.utils._pytree import tree_leaves, tree_map

from mee.config import TrainConfig
from mee.data import Batch, Clips, Expert, MixedBatches, Words
from mee.loss import InfoNCELoss, MaxMarginRankingLoss
from mee.model import BatchNorm, GatedEmbeddingUnit, ModelConfig, VideoTextMEE
from mee.train import batch_loss, build_model, train_step

EXACT = {"rtol": 0, "atol": 0}
CONFIG = ModelConfig({"audio": (6, 5), "face": (7, 4), "visual": (8, 6)}, 9, {"audio": 3}, 4)
LOSSES = [MaxMarginRankingLoss(), InfoNCELoss()]
both_losses = pytest.mark.parametrize("loss", LOSSES, ids=["max-margin", "info-nce"])


def clip_set(n, experts, seed):
    """``n`` clips with a caption each, of which half lack this and half lack that expert."""
    g = np.random.default_rng(seed)
    features = {}
    for name in experts:
        dim = CONFIG.experts[name][0]
        frames = g.integers(0, 4 if name in CONFIG.clusters else 2, n)
        offsets = torch.tensor([0, *frames]).cumsum(0)
        kind = "sequence" if name in CONFIG.clusters else "vector"
        features[name] = Expert(kind, torch.from_numpy(g.normal(size=(frames.sum(), dim))), offsets)
    lengths = g.integers(1, 6, n)
    return Clips(
        ids=[f"{seed}-{i}" for i in range(n)],
        split=np.array(["train"] * n),
        experts=features,
        caption_clip=torch.arange(n),
        caption_offsets=torch.tensor([0, *lengths]).cumsum(0),
        words=Words([f"w{i}" for i in range(20)], g.normal(size=(20, 9))),
        tokens=torch.from_numpy(g.integers(20, size=lengths.sum())),
    )


@pytest.fixture(scope="module")
def batch():
    """Clips and images: no image has sound, some clips lack each of the experts."""
    clips, images = clip_set(10, CONFIG.experts, 0), clip_set(6, ["face", "visual"], 1)
    mixed = MixedBatches(clips, torch.arange(10), 16, torch.Generator().manual_seed(0), images, "all")
    (batch,) = list(mixed)
    assert not any(present.all() for present in batch.ind.values()) and not batch.masks["audio"].all()
    return batch


def model():
    return build_model(CONFIG, 0).train()


# ---------------------------------------------------------------------------------------------- without any number


def fake_step(batch, loss, config, change=lambda model: None):
    """A training step on tensors that have a shape and no content: code that asks for a number raises."""
    with FakeTensorMode() as mode:
        network = VideoTextMEE(CONFIG).train()
        change(network)
        optimizer = torch.optim.Adam(network.parameters(), fused=True)
        value = train_step(network, Batch(**tree_map(mode.from_tensor, vars(batch))), loss, config)
        optimizer.step()
        optimizer.zero_grad()
    return value


@both_losses
@pytest.mark.parametrize("options", [{"expert_loss": 0.0}, {"expert_loss": 1.0}, {"amp": True}], ids=str)
def test_a_step_never_waits_for_a_number(batch, loss, options):
    assert fake_step(batch, loss, TrainConfig(**options)).shape == ()


class BooleanIndex(GatedEmbeddingUnit):
    """The unit as many would write it: the present rows alone are computed."""

    def forward(self, x, mask):
        out = x.new_zeros(len(x), self.fc.out_features)
        out[mask] = super().forward(x[mask])
        return out


class LooksAtTheMask(GatedEmbeddingUnit):
    def forward(self, x, mask):
        return super().forward(x, None if mask.all() else mask)


@pytest.mark.parametrize(
    "unit, error", [(BooleanIndex, DynamicOutputShapeException), (LooksAtTheMask, DataDependentOutputException)]
)
def test_a_model_that_waits_would_be_noticed(batch, unit, error):
    def change(network):
        network.mee.video_GU["face"] = unit(*CONFIG.experts["face"])

    with pytest.raises(error):
        fake_step(batch, LOSSES[0], TrainConfig(), change)


@both_losses
def test_the_step_compiles_into_one_graph(batch, loss):
    """The backend traces the whole step and its gradients, and leaves out code generation, which takes minutes."""
    config, plain = TrainConfig(expert_loss=0.5), model()
    compiled = copy.deepcopy(plain)
    torch._dynamo.reset()
    step = torch.compile(lambda batch: batch_loss(compiled, batch, loss, config), fullgraph=True, backend="aot_eager")
    values = batch_loss(plain, batch, loss, config), step(batch)
    for value in values:
        value.backward()
    assert_close(values[1], values[0])
    for (name, a), b in zip(compiled.named_parameters(), plain.parameters(), strict=True):
        assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}")
    assert_close(list(compiled.buffers()), list(plain.buffers()))


# ------------------------------------------------------------------------------------------- absent rows, padded rows


def fill(batch, junk):
    """``batch`` with ``junk`` in all that is absent or padding; leaves, so that it has gradients."""
    g = torch.Generator().manual_seed(2)

    def put(x, mask):
        values = torch.full_like(x, junk) if isinstance(junk, float) else junk[torch.randint(4, x.shape, generator=g)]
        return torch.where(mask.view(*mask.shape, *(1,) * (x.ndim - mask.ndim)), x, values).requires_grad_()

    videos = {name: put(x, batch.ind[name]) for name, x in batch.videos.items()}
    videos["audio"] = put(videos["audio"].detach(), batch.masks["audio"])
    return put(batch.words, batch.word_mask), videos


def step_with(batch, junk, training):
    """All that a step computes from ``batch`` with ``junk`` where nothing is."""
    network, (words, videos) = model().train(training), fill(batch, junk)
    text, video = network.embed_text(words, batch.word_mask), network.embed_video(videos, batch.ind, batch.masks)
    scores = network.score(text, video)
    value = sum(loss(scores, batch.clip, batch.sentence) for loss in LOSSES) + scores.square().sum()
    value.backward()
    gradients = {name: p.grad for name, p in network.named_parameters()}
    gradients |= {name: x.grad for name, x in {**videos, "words": words}.items()}
    return {
        "embeddings": (text, video),
        "scores": scores,
        "gradients": gradients,
        "buffers": dict(network.named_buffers()),
    }


JUNK = [torch.nan, torch.inf, -torch.inf, 3e38, torch.tensor([torch.nan, torch.inf, -3e38, 1e-30])]


@pytest.mark.parametrize("present", ["some", "one", "none"])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("junk", JUNK, ids=["nan", "inf", "-inf", "huge", "all"])
def test_junk_reaches_nothing(batch, present, training, junk):
    batch = copy.deepcopy(batch)
    if present != "some":  # of each expert
        for name in batch.ind:
            batch.ind[name] = torch.arange(len(batch)) == (3 if present == "one" else -1)
        batch.masks["audio"] = batch.ind["audio"][:, None] & (torch.arange(batch.masks["audio"].shape[1]) == 0)
    zeros, junk = (step_with(batch, x, training) for x in (0.0, junk))
    assert_close(junk, zeros, **EXACT)
    assert all(x.isfinite().all() for x in tree_leaves(zeros))


@pytest.mark.parametrize("present", [0, 1])
def test_without_two_rows_the_running_statistics_stand_in_and_stay(present):
    for norm, x in ((BatchNorm(5), torch.randn(4, 5)), (BatchNorm(5), torch.randn(4, 3, 5))):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        before = copy.deepcopy(norm)
        mask = torch.zeros(x.shape[:-1], dtype=torch.bool)
        mask.view(-1)[:present] = True
        assert_close(norm(x, mask)[mask], before.eval()(x)[mask])
        assert_close(norm.state_dict(), before.state_dict(), **EXACT)
    network, before = model(), model()  # the whole network, with a batch of one clip
    network(torch.randn(1, 1, 9), None, {"face": torch.randn(1, 7), "audio": torch.randn(1, 1, 6)}).sum().backward()
    assert_close(list(network.buffers()), list(before.buffers()), **EXACT)


@pytest.mark.parametrize("shape", [(9, 5), (4, 6, 5)], ids=str)
@pytest.mark.parametrize("dtype, near", [(torch.float64, 1e-12), (torch.float32, 1e-6)], ids=str)
@pytest.mark.parametrize("masked", [True, False])
def test_batch_norm_is_pytorchs_on_the_present_rows(shape, dtype, near, masked):
    g = torch.Generator().manual_seed(0)
    x = 3 + 2 * torch.randn(shape, generator=g, dtype=dtype)
    mask = torch.rand(shape[:-1], generator=g) < 0.6 if masked else torch.ones(shape[:-1], dtype=torch.bool)
    upstream = torch.randn(x[mask].shape, generator=g, dtype=dtype) / len(x)
    norm, theirs = BatchNorm(5).to(dtype), torch.nn.BatchNorm1d(5).to(dtype)
    with torch.no_grad():
        for parameter in (norm.weight, norm.bias):
            parameter.copy_(torch.rand(5, generator=g))
    theirs.load_state_dict(norm.state_dict())
    ours, rows = x.clone().requires_grad_(), x[mask].requires_grad_()
    for _ in range(2):  # the statistics of two steps
        y = norm(torch.where(mask[..., None], ours, 1e4), mask if masked else None)[mask]
        expected = F.batch_norm(
            rows, theirs.running_mean, theirs.running_var, theirs.weight, theirs.bias, True, theirs.momentum, theirs.eps
        )
    assert_close(y, expected, rtol=near, atol=near)
    (y * upstream).sum().backward()
    (expected * upstream).sum().backward()
    assert_close(ours.grad[mask], rows.grad, rtol=near, atol=near)
    assert (ours.grad[~mask] == 0).all()
    for name, parameter in theirs.named_parameters():
        assert_close(norm.get_parameter(name).grad, parameter.grad, rtol=near, atol=near)
    assert_close(norm.running_mean, theirs.running_mean, rtol=near, atol=near)
    assert_close(norm.running_var, theirs.running_var, rtol=near, atol=near)
    assert norm.num_batches_tracked == 2
    assert_close(norm.eval()(x), theirs.eval()(x.view(-1, 5)).view(shape), rtol=near, atol=near)
