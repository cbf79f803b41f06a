"""The model that lesson 08 writes: its file is the lesson's, its numbers are the library's."""

import ast
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from mee import MaxMarginRankingLoss, ModelConfig, VideoTextMEE, fit_clips, read_clips
from mee.evaluate import evaluate

BOOK = Path(__file__).parents[1] / "notebooks"
CLUSTERS, WORDS = {"audio": 4}, 8


@pytest.fixture(scope="module")
def mini():
    sys.path.insert(0, str(BOOK))
    import mee_mini

    return mee_mini


@pytest.fixture(scope="module")
def clips():
    return read_clips(BOOK / "data" / "tinyclips.h5")


@pytest.fixture(scope="module")
def dims(clips):
    return {name: (expert.dim, 128) for name, expert in clips.experts.items()}


def functions(path):
    """name -> what it does, without comments and docstrings; methods under their own names."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(ast.unparse(node))
    return found


def test_the_file_is_what_the_lesson_builds():
    lesson, file = functions(BOOK / "py" / "08_build_mee.py"), functions(BOOK / "mee_mini.py")
    for name, bodies in file.items():
        assert set(bodies) <= set(lesson[name]), name
    pieces = {"forward", "embed_text", "embed_video", "score", "text_batch", "video_batch"}
    assert pieces | {"train", "recall_at_10"} <= set(file)


def test_it_is_short():
    lines = [line.strip() for line in (BOOK / "mee_mini.py").read_text().splitlines()]
    assert sum(bool(line) and not line.startswith(("#", '"""')) for line in lines) <= 120


def test_scores_loss_and_gradients_are_the_librarys(mini, clips, dims):
    torch.manual_seed(0)
    mine = mini.MEE(dims, clips.words.dim, CLUSTERS, WORDS).double()
    library = VideoTextMEE(ModelConfig(dims, clips.words.dim, CLUSTERS, WORDS)).double()
    names = {key.removeprefix("mee."): key for key in library.state_dict()}
    library.load_state_dict({names[key]: x for key, x in mine.state_dict().items()})
    rows = clips.clips_in("train")[:48]
    captions = clips.draw_captions(rows, torch.Generator().manual_seed(0))
    text, videos = mini.text_batch(clips, captions), mini.video_batch(clips, rows)
    batch = clips.batch(rows, captions, max_words=30)
    assert 5 < int((~batch.ind["face"]).sum()) < 43
    double = {name: (x.double(), mask) for name, (x, mask) in videos.items()}
    for _ in range(2):  # the second time with what the first has collected
        scores = mine.score(mine.embed_text(text[0].double(), text[1]), mine.embed_video(double))
        theirs = library(*batch.text, *batch.video)
        assert_close(scores, theirs, rtol=1e-6, atol=1e-9)
        loss, other = mini.max_margin(scores), MaxMarginRankingLoss(0.2)(theirs)
        assert_close(loss, other)
        mine.zero_grad(), library.zero_grad()
        loss.backward(), other.backward()
        gradients = {key: p.grad for key, p in library.named_parameters()}
        for key, p in mine.named_parameters():
            assert_close(p.grad, gradients[names[key]], rtol=1e-6, atol=1e-9)
        mine.eval(), library.eval()


def test_trained_alike_it_is_as_good(mini, clips, dims, capsys):
    torch.manual_seed(0)
    mine = mini.train(mini.MEE(dims, clips.words.dim, CLUSTERS, WORDS), clips, epochs=3)
    options = {"epochs": 3, "lr": 2e-3, "dim": 128, "sequence_clusters": 4, "text_clusters": 8, "val": []}
    library = fit_clips(clips, seed=0, device="cpu", progress=False, **options).model
    theirs = evaluate(library, clips, "val", bootstrap=0)["t2v"]["R@10"][0]
    assert abs(mini.recall_at_10(mine, clips, "val") - theirs) < 5
    assert "epoch  3: loss ≈" in capsys.readouterr().out


def test_a_clip_without_experts_ranks_last(mini, clips, dims):
    model = mini.MEE(dims, clips.words.dim, CLUSTERS, WORDS).eval()
    text, videos = mini.text_batch(clips, [0, 1]), mini.video_batch(clips, torch.tensor([0, 1]))
    for _, mask in videos.values():
        mask[1] = False
    scores = model.score(model.embed_text(*text), model.embed_video(videos))
    assert (scores[:, 1] == -1).all() and (scores[:, 0] > -1).all()
    scores.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_tied_clips_share_the_mean_of_their_ranks(mini, clips):
    class Constant(torch.nn.Module):
        embed_text = embed_video = staticmethod(lambda *x: None)

        def score(self, text, video):
            return torch.zeros(len(clips.captions_of(clips.clips_in("val"))[0]), 500)

    assert mini.recall_at_10(Constant(), clips, "val") == 0  # all have rank 250.5
