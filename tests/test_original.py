"""The original's arithmetic (experiments/original) does what its docstring says, and its commands run."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from original import ladder
from original.__main__ import main
from original.network import OriginalLoss, OriginalNetwork, from_original, mark_silence_present, train
from torch.nn.functional import pad
from torch.testing import assert_close

from mee.config import TrainConfig
from mee.model import VideoTextMEE
from mee.storage import read_clips
from mee.train import fit_clips

ORIGINAL = Path(__file__).parents[1] / "experiments" / "original"
SMALL = {"epochs": 1, "batch_size": 16, "text_clusters": 4, "sequence_clusters": 2}


@pytest.fixture
def clips(world):
    return read_clips(world)


def test_it_computes_on_pads_and_zeros(clips):
    """Against the same, written out: zeros in every sum, the mask in the score alone."""
    run = train(clips, TrainConfig(**SMALL, max_words=9, max_frames=8))
    model, batch = run.model.train(), clips.batch(torch.arange(12), generator=torch.Generator().manual_seed(0))
    words = pad(batch.words, (0, 0, 0, 9 - batch.words.shape[1]))
    videos = dict(batch.videos)
    videos["motion"] = pad(videos["motion"], (0, 0, 0, 8 - videos["motion"].shape[1]))

    plain = VideoTextMEE(model.config).train()  # without masks, pads are rows, and nothing is absent
    plain.load_state_dict(model.state_dict())
    text, video = plain.embed_text(words), plain.embed_video(videos)
    mask = torch.stack([batch.ind[name] for name in model.experts], 1)
    pairs = text.weights[:, None] * mask[None]
    pairs = pairs / pairs.sum(2, keepdim=True)
    by_hand = sum(pairs[..., i] * (text.vectors[n] @ video.vectors[n].T) for i, n in enumerate(model.experts))
    assert not mask.all()
    assert_close(model(*batch.text, *batch.video), by_hand, atol=1e-5, rtol=1e-4)


def test_pads_change_a_sentence_there_and_not_here(clips):
    words, mask = clips.text([2])
    for model, alike in (
        (fit_clips(clips, progress=False, **SMALL).model, True),
        (train(clips, TrainConfig(**SMALL)).model, False),
    ):
        beside = model.embed_text(pad(words, (0, 0, 0, 40)), pad(mask, (0, 40)))
        alone = model.embed_text(words, mask)
        assert torch.allclose(alone.vectors["appearance"], beside.vectors["appearance"], atol=1e-3) == alike


def test_silence_is_sound_in_a_copy(clips):
    heard = mark_silence_present(clips)
    motion = list(clips.experts).index("motion")
    assert heard.present[:, motion].all() and not clips.present[:, motion].all()
    silent = torch.nonzero(~clips.present[:, motion])[:4, 0]
    video = train(heard, TrainConfig(**SMALL)).model.embed_video(*heard.video(silent))
    assert video.mask[:, motion].all() and (video.vectors["motion"].norm(dim=1) > 0.99).all()


def test_the_loss_counts_the_diagonal_and_what_is_alike():
    scores = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    by_hand = sum(
        max(0.0, 0.2 + float(scores[i, j] - scores[k, k])) for i in range(6) for j in range(6) for k in (i, j)
    ) / (2 * 36)
    alike = torch.zeros(6, dtype=torch.long)
    assert float(OriginalLoss(0.2)(scores, alike, alike)) == pytest.approx(by_hand, abs=1e-6)


def test_only_full_batches_and_only_its_own_loss(clips):
    run = train(clips, TrainConfig(**SMALL))
    assert isinstance(run.model, OriginalNetwork) and isinstance(run.batches.drop_last, bool)
    assert [len(batch) for batch in run.batches] == [16] * 6  # 100 clips
    assert len(train(clips, TrainConfig(**{**SMALL, "batch_size": 512})).batches) == 1  # the only one stays
    with pytest.raises(ValueError, match="max-margin"):
        train(clips, TrainConfig(**SMALL, loss="info-nce"))


def test_the_weights_of_another_order_of_experts_are_refused(clips):
    model = fit_clips(clips, progress=False, **SMALL).model
    state = {key.replace("_GU.appearance", "_GU.0").replace("_GU.motion", "_GU.1"): x for key, x in
             model.mee.state_dict().items()}  # fmt: skip
    again = from_original(state, ["appearance", "motion"])
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), state.values(), strict=True))
    with pytest.raises(ValueError, match="name the same experts"):
        from_original(state, ["appearance", "motion"], ["appearance", "face"])


def test_the_command(world):
    command = [sys.executable, ORIGINAL, world, "--batch-size", "16", "--dim", "8", "--epochs", "2", "--no-progress"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "2 epochs, the best is" in done.stdout and "\ntest: " in done.stdout, done.stderr
    with pytest.raises(SystemExit, match="no model is kept"):
        main([str(world), "--out", "somewhere"])


def test_the_ladder(world, capsys):
    assert len(ladder.ROWS) == 5 and ladder.PaddedWords.embed_video is VideoTextMEE.embed_video
    ladder.main([str(world), "--epochs", "1", "--seeds", "0"])
    printed = capsys.readouterr().out
    assert all(f"| {label} |" in printed for label in ladder.ROWS) and "v2t R@10: and silence is sound" in printed
