"""Training with everything on the device: the same batches, losses and weights, and nothing that waits for the CPU."""

import copy
from dataclasses import replace

import pytest
import torch
from test_static_shapes import CONFIG, clip_set, fake_step
from torch._subclasses import FakeTensorMode
from torch.testing import assert_close

from mee.config import TrainConfig
from mee.data import Batch, MixedBatches
from mee.loss import InfoNCELoss, MaxMarginRankingLoss
from mee.resident import ResidentClips, ResidentEpoch
from mee.storage import Checkpoint, read_clips
from mee.train import build_model, fit, fit_clips, train_step

cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


def mixed(images=True, batch_size=8, seed=0, **options):
    """Batches of 29 clips and half as many images, which have no audio; the last batch is smaller."""
    clips, stills = clip_set(29, CONFIG.experts, 0), clip_set(20, ["face", "visual"], 1)
    train = clips.trainable(torch.arange(29))
    g = torch.Generator().manual_seed(seed)
    return MixedBatches(clips, train, batch_size, g, stills if images else None, 0.5 if images else 0.0, **options)


# --------------------------------------------------------------------------------------------------- the same batches


@pytest.mark.parametrize("limits", [{}, {"max_words": 3, "max_frames": 2}], ids=str)
@pytest.mark.parametrize("images", [False, True])
def test_a_resident_batch_is_that_of_the_clips_at_a_fixed_length(images, limits):
    batches = mixed(images, **limits)
    resident = ResidentClips(batches, "cpu")
    shapes = set()
    for batch in batches:
        own = resident.batch(batch.clip, batch.caption)
        shapes.add(own.words.shape[1:])
        pairs = {"words": (own.words, batch.words), "word_mask": (own.word_mask, batch.word_mask)}
        for name in CONFIG.experts:
            pairs |= {f"{name} ind": (own.ind[name], batch.ind[name]), name: (own.videos[name], batch.videos[name])}
            if name in batch.masks:
                pairs[f"{name} mask"] = own.masks[name], batch.masks[name]
        for name, (long, short) in pairs.items():
            if short.ndim > 1 and short.shape[1] < long.shape[1]:  # what is beyond the batch's longest is padding
                assert not long[:, short.shape[1] :].any(), name
                long = long[:, : short.shape[1]]
            assert torch.equal(long, short), name
        assert torch.equal(own.sentence, batch.sentence)
    assert len(shapes) == 1


def test_captions_that_are_vectors(world):
    clips = read_clips(world)
    clips = replace(clips, words=None, tokens=None, caption_vectors=clips.words.vectors[clips.tokens])
    batches = MixedBatches(clips, clips.trainable(clips.clips_in("train")), 8, torch.Generator().manual_seed(0))
    resident = ResidentClips(batches, "cpu")
    batch = next(iter(batches))
    own = resident.batch(batch.clip, batch.caption)
    assert torch.equal(own.words[:, : batch.words.shape[1]], batch.words)


def test_the_plan_draws_as_one_batch_after_the_other_would():
    """Clips first, then images, a caption for each: what a loop over batches draws from the same generator."""
    batches = mixed()
    numbers, captions = batches.plan()
    g, n = torch.Generator().manual_seed(0), len(batches.clips)
    picks = torch.cat([torch.randperm(len(batches.pool), generator=g) for _ in range(-(-batches.drawn // 20))])
    order = torch.cat([batches.train, n + batches.pool[picks[: batches.drawn]]])
    order = order[torch.randperm(len(order), generator=g)]
    by_hand = []
    for part in order.split(8):
        clips, images = part[part < n], part[part >= n]
        drawn = batches.sources[0].draw_captions(clips, g), batches.sources[1].draw_captions(images - n, g)
        by_hand += [*zip(clips.tolist(), drawn[0].tolist(), strict=True)]
        first = len(batches.sources[0].caption_clip)
        by_hand += [*zip(images.tolist(), (drawn[1] + first).tolist(), strict=True)]
    assert [*zip(numbers.tolist(), captions.tolist(), strict=True)] == by_hand
    assert torch.equal(g.get_state(), batches.generator.get_state())


# ----------------------------------------------------------------------------------------------- the same training


@pytest.mark.parametrize("loss", [MaxMarginRankingLoss(), InfoNCELoss()], ids=["max-margin", "info-nce"])
def test_training_so_gives_the_same_losses_and_weights(loss):
    models, losses = [], []
    for fast in (False, True):
        model = build_model(CONFIG, 0).double()  # in single precision Adam makes whole steps of what is rounding
        run = fit(model, mixed(), loss, TrainConfig(epochs=3, lr=1e-3, batch_size=8, fast=fast))
        models.append(model)
        losses.append([row["loss"] for row in run.history])
    assert_close(losses[1], losses[0], rtol=1e-6, atol=1e-8)  # the sum of losses is single
    for (name, a), b in zip(models[1].state_dict().items(), models[0].state_dict().values(), strict=True):
        if not name.endswith("fc.bias"):  # in front of a batch norm: its gradient is nothing but rounding
            assert_close(a, b, rtol=1e-6, atol=1e-7, msg=lambda text, name=name: f"{name}: {text}")


def test_an_epoch_has_every_clip_once_and_a_smaller_last_batch():
    batches, seen = mixed(batch_size=8), []

    def step(model, batch, loss, config):
        seen.append(batch.clip.clone())
        return torch.zeros(())

    model = build_model(CONFIG, 0)
    optimizer = torch.optim.Adam(model.parameters())
    epoch = ResidentEpoch(model, batches, InfoNCELoss(), TrainConfig(), optimizer, step, capture=False)
    epoch()
    sizes = [len(part) for part in seen]
    assert len(set(sizes[:-1])) == 1 and 1 < sizes[-1] < sizes[0]
    clips = torch.cat(seen)
    assert sorted(clips[clips < 29].tolist()) == batches.train.tolist()
    assert len(clips) == len(batches.train) + batches.drawn


def test_a_resident_step_never_waits_for_a_number():
    """On tensors that have a shape and no content, code that asks for a number raises."""
    resident = ResidentClips(mixed(), "cpu")
    real = next(iter(mixed()))
    assert fake_step(real, InfoNCELoss(), TrainConfig()).shape == ()  # the test's own ground
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        clips, captions = mode.from_tensor(real.clip), mode.from_tensor(real.caption)
        batch = resident.batch(clips, captions)
        model = build_model(CONFIG, 0).train()
        assert train_step(model, Batch(**vars(batch)), InfoNCELoss(), TrainConfig()).shape == ()


def test_fast_and_stream_exclude_each_other():
    with pytest.raises(ValueError, match="fast keeps all features on the device, stream leaves them"):
        TrainConfig(fast=True, stream=True)


def test_a_checkpoint_holds_no_device(world, tmp_path):
    """Its learning rates are numbers, and a run that keeps all on the device goes on from one that did not."""
    clips = read_clips(world)
    options = {"lr": 1e-2, "dim": 8, "text_clusters": 2, "sequence_clusters": 2, "progress": False, "val": []}
    fit_clips(clips, epochs=2, callbacks=[Checkpoint(tmp_path)], **options)
    state = torch.load(tmp_path / "last.pt")
    assert [type(group["lr"]) for group in state["optimizer"]["param_groups"]] == [float]
    assert all(type(x) is float for x in state["scheduler"]["_last_lr"])
    whole = fit_clips(clips, epochs=4, **options)
    rest = fit_clips(clips, epochs=4, callbacks=[Checkpoint(tmp_path, resume=True)], fast=True, **options)
    assert_close([row["loss"] for row in rest.history], [row["loss"] for row in whole.history], rtol=1e-4, atol=1e-6)


# ---------------------------------------------------------------------------------------------------------- on a GPU


def on_gpu(**options):
    model = build_model(CONFIG, 0).cuda()
    config = TrainConfig(epochs=12, lr=1e-2, batch_size=8, **options)
    return fit(model, mixed(), MaxMarginRankingLoss(), config)


def epoch_on_gpu(capture):
    model = build_model(CONFIG, 0).cuda().train()
    optimizer = torch.optim.Adam(model.parameters(), torch.tensor(1e-3, device="cuda"), fused=True, capturable=True)
    return ResidentEpoch(model, mixed(), InfoNCELoss(), TrainConfig(), optimizer, train_step, capture)


@pytest.mark.gpu
@cuda
def test_cpu_and_cuda_agree_on_scores_and_gradients():
    batch = next(iter(mixed()))
    found = []
    for device in ("cpu", "cuda"):
        model = build_model(CONFIG, 0).to(device).train()
        own = batch.to(device)
        value = train_step(model, own, MaxMarginRankingLoss(), TrainConfig())
        gradients = {name: p.grad.cpu() for name, p in model.named_parameters() if p.grad is not None}
        scores = model.eval()(*own.text, *own.video).detach().cpu()
        found.append((value.cpu(), scores, gradients))
    assert_close(found[1], found[0], rtol=1e-3, atol=1e-5)


@pytest.mark.gpu
@cuda
def test_a_graph_trains_as_operation_by_operation():
    plain, graph = on_gpu(fast=False), on_gpu()
    assert_close([r["loss"] for r in graph.history], [r["loss"] for r in plain.history], rtol=2e-2, atol=1e-4)
    assert graph.optimizer.param_groups[0]["capturable"] and not plain.optimizer.param_groups[0]["capturable"]
    assert float(graph.optimizer.param_groups[0]["lr"]) == pytest.approx(1e-2 * 0.95**12)


@pytest.mark.gpu
@cuda
def test_a_step_on_the_device_does_not_synchronise():
    epoch = epoch_on_gpu(capture=False)
    epoch()
    epoch.first.zero_()
    torch.cuda.set_sync_debug_mode("error")
    try:
        epoch.step(8)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@cuda
def test_memory_does_not_grow():
    epoch = epoch_on_gpu(capture=True)
    for _ in range(5):  # both sizes of batch are recorded by then
        epoch()
    before = torch.cuda.memory_reserved(), torch.cuda.memory_allocated()
    for _ in range(30):
        epoch()
    assert (torch.cuda.memory_reserved(), torch.cuda.memory_allocated()) == before


@pytest.mark.gpu
@cuda
def test_nan_in_absent_rows_counts_nowhere():
    batch = next(iter(mixed())).to("cuda")
    values = []
    for junk in (0.0, float("nan")):
        own = copy.deepcopy(batch)
        for name, x in own.videos.items():
            absent = ~(own.masks[name] if name in own.masks else own.ind[name])
            x[absent] = junk
        model = build_model(CONFIG, 0).cuda().train()
        train_step(model, own, InfoNCELoss(), TrainConfig())
        values.append([p.grad for p in model.parameters() if p.grad is not None])
    for a, b in zip(*values, strict=True):
        assert torch.isfinite(a).all() and torch.equal(a, b)


@pytest.mark.gpu
@cuda
def test_a_checkpoint_of_a_gpu_goes_on_on_a_cpu(world, tmp_path):
    clips = read_clips(world)
    options = {"lr": 1e-2, "dim": 8, "text_clusters": 2, "sequence_clusters": 2, "progress": False, "val": []}
    first = fit_clips(clips, epochs=2, callbacks=[Checkpoint(tmp_path)], device="cuda", **options)
    clips.to("cpu")
    rest = fit_clips(clips, epochs=3, callbacks=[Checkpoint(tmp_path, resume=True)], device="cpu", **options)
    assert rest.history[:2] == first.history and len(rest.history) == 3
    clips.to("cuda")
    again = fit_clips(clips, epochs=4, callbacks=[Checkpoint(tmp_path, resume=True)], device="cuda", **options)
    assert len(again.history) == 4 and again.optimizer.param_groups[0]["capturable"]
