"""The original code's arithmetic where this library's differs: ``fit(original=True)``, ``--original`` (lesson 13).

So that a researcher can tell a mend from a change. With it,

- padded words and rows are assigned to NetVLAD's centres, and enter its batch norm's statistics;
- an absent expert is a vector of zeros, which the units embed and count in their statistics; the score leaves it out;
- a silent clip counts as one with sound; only an image has none;
- the loss counts the right pairs too, and two captions of one clip, or the same caption twice, as negatives;
- a last batch that is not full is left out.

Everything else (the weights of each pair, metrics, checkpoints, a true validation split) stays as it is here. Before
November 2019 the original also weighted a whole row with one clip's mask; that leak is shown in lesson 05, not offered.
"""

import copy

import torch
import torch.nn.functional as F

from mee.loss import MaxMarginRankingLoss
from mee.model import VideoTextMEE


class OriginalNetwork(VideoTextMEE):
    """:class:`mee.model.VideoTextMEE` over zeros: what is padded or absent is computed on.

    max_words, max_rows  captions and sequences are padded with zeros to so many rows; None: to the longest of the batch
    options              as for :class:`mee.model.VideoTextMEE`
    """

    def __init__(self, max_words=30, max_rows=None, **options):
        super().__init__(**options)
        self.max_words, self.max_rows = max_words, max_rows

    def embed_text(self, words, mask=None):
        """As :meth:`VideoTextMEE.embed_text`; ``words`` are zero where ``mask`` is False, and all of them count."""
        return super().embed_text(_pad(words, self.max_words))

    def embed_video(self, videos, ind=None, masks=None):
        """As :meth:`VideoTextMEE.embed_video`; the zeros of what is absent count in every batch norm."""
        videos = {name: _pad(x, self.max_rows) if name in self.pooling else x for name, x in videos.items()}
        embeddings, mask = super().embed_video(videos)
        there = [(ind or {}).get(name, mask[:, i]) for i, name in enumerate(self.experts)]
        mask = mask & torch.stack([torch.as_tensor(x, device=mask.device).bool() for x in there], 1)
        embeddings = {name: embeddings[name] * mask[:, i, None] for i, name in enumerate(self.experts)}
        return embeddings, mask


def _pad(x, rows):
    """``x`` (items, longest, dim) with zeros under it, ``rows`` long; longer ones and None stay as they are."""
    return x if rows is None else F.pad(x, (0, 0, 0, max(0, rows - x.shape[1])))


class OriginalLoss(MaxMarginRankingLoss):
    """:class:`mee.loss.MaxMarginRankingLoss` with the diagonal, blind to which clips and captions are the same."""

    def __init__(self, margin=0.2):
        super().__init__(margin, diagonal=True)

    def forward(self, scores, clip_ids=None, caption_ids=None):
        return super().forward(scores)


def heard(clips):
    """``clips`` (:class:`mee.data.Clips`), where each counts as having every sequence: silence is sound."""
    clips = copy.copy(clips)
    clips.present = clips.present.clone()
    for i, expert in enumerate(clips.experts.values()):
        clips.present[:, i] |= expert.kind == "sequence"
    return clips
