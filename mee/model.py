"""The Mixture-of-Embedding-Experts model, top to bottom (Miech, Laptev and Sivic, arXiv 1804.02516).

    words  ->  NetVLAD  ->  one gated unit an expert, and a softmax: how much the sentence trusts each expert
    clips  ->  one gated unit an expert that is there (sequences through NetVLAD first)
    score  =   the weighted mean of the experts' similarities, over the experts that the clip has

Everything else (training, evaluation, search) rests on three methods: ``embed_text``, ``embed_video``, ``score``.
"""

import torch
import torch.nn.functional as F
from torch import nn

#: Score of a clip without any expert: the lowest that a mean of cosines can be, so that it ranks last.
NO_EXPERT = -1.0


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation over (rows, dim) that also trains on fewer than two rows.

    A batch may hold a single face. One row has no variance, and PyTorch's layer refuses it; here such a batch is
    normalised with the running statistics and leaves them as they are.
    """

    def forward(self, x):
        return self.by_running_statistics(x) if self.training and len(x) < 2 else super().forward(x)

    def by_running_statistics(self, x):
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)


def _single(x):
    """Single precision, or that of ``x`` if it has more. Lengths need it: squares leave the range of float16."""
    return torch.promote_types(x.dtype, torch.float32)


class NetVLAD(nn.Module):
    """Any number of vectors into one: their softly assigned residuals to learnt centres (lesson 02).

    For rows x_t, assignments a_tk = softmax_k(BN(x_t . c_k)) and centres c'_k, the descriptor stacks
    V_k = sum_t a_tk (x_t - c'_k), each V_k scaled to length 1, then the whole scaled to length 1.

    clusters  number of centres K
    dim       dimensions D of a row

    Called with ``x`` (items, rows, D) and ``mask`` (items, rows) bool, True for real rows (None: all are). Padded rows
    are never computed on: neither their content nor their number can change anything. Gives (items, D * K), where the
    K values of a dimension lie side by side; an item without any row gives zeros.
    """

    def __init__(self, clusters, dim):
        super().__init__()
        self.clusters = nn.Parameter(torch.randn(dim, clusters) / dim**0.5)
        self.clusters2 = nn.Parameter(torch.randn(1, dim, clusters) / dim**0.5)
        self.batch_norm = BatchNorm(clusters)
        self.out_dim = dim * clusters

    def forward(self, x, mask=None):
        dim, clusters = self.clusters.shape
        if x.ndim != 3 or x.shape[-1] != dim:
            raise ValueError(f"NetVLAD pools (items, rows, {dim}); got {tuple(x.shape)}")
        mask = _mask(mask, x)
        real = x[mask]  # (all real rows, D)
        assignment = torch.softmax(self.batch_norm(real @ self.clusters), dim=1)
        # back to (items, rows, ...) with zeros at the pads, which then add nothing to the sums below
        assignment = assignment.new_zeros(*mask.shape, clusters).index_put((mask,), assignment)
        x = x.masked_fill(~mask[..., None], 0)
        residuals = x.transpose(1, 2) @ assignment - assignment.sum(1, keepdim=True) * self.clusters2  # (items, D, K)
        # Once each V_k has length 1, the whole has the root of how many there are (those of length 0 aside): one
        # product scales to both. These tensors are the largest of a step, and each time through them counts.
        length = torch.linalg.vector_norm(residuals, dim=1, keepdim=True, dtype=_single(x))  # (items, 1, K)
        filled = (length > 0).to(length)
        scale = filled / (length.clamp_min(1e-12) * filled.sum(2, keepdim=True).clamp_min(1).sqrt())
        return (residuals * scale).to(residuals.dtype).flatten(1)


class ContextGating(nn.Module):
    """Each dimension times a gate, 0 to 1, that sees all of them: x * sigmoid(BN(W x + b)) (eq. 2, lesson 03)."""

    def __init__(self, dim):
        super().__init__()
        self.fc = nn.Linear(dim, dim)
        self.batch_norm = BatchNorm(dim)

    def forward(self, x):
        return x * torch.sigmoid(self.batch_norm(self.fc(x)))


class GatedEmbeddingUnit(nn.Module):
    """A linear layer, context gating, and scaling to length 1: (rows, in_dim) to (rows, out_dim) (eq. 1-3, lesson 03).

    ``gating=False`` leaves the gate out, for comparison.
    """

    def __init__(self, in_dim, out_dim, gating=True):
        super().__init__()
        self.fc = nn.Linear(in_dim, out_dim)
        self.cg = ContextGating(out_dim) if gating else nn.Identity()

    def forward(self, x):
        x = self.cg(self.fc(x))
        return F.normalize(x.to(_single(x)), dim=1).to(x.dtype)


class MEE(nn.Module):
    """The MEE block: scores sentences, one vector each, with clips, one vector an expert (section 3, lessons 04, 05).

    video_modality_dim  expert -> (dimensions of its features, dimensions of its embedding)
    text_dim            dimensions of a sentence
    gating              False leaves context gating out
    learned_weights     False trusts all experts alike: the weights do not see the sentence

    >>> mee = MEE({"face": (128, 64), "audio": (40, 32)}, text_dim=300)
    >>> captions = torch.randn(5, 300)
    >>> videos = {"face": torch.randn(7, 128), "audio": torch.randn(7, 40)}
    >>> ind = {"face": [1, 1, 0, 1, 0, 1, 1], "audio": [True] * 7}
    >>> mee(captions, videos, ind).shape        # every caption with every clip
    torch.Size([5, 7])

    The order of dict keys never matters; ``mee.experts`` lists the names, alphabetically, in the order of the weights.
    """

    def __init__(self, video_modality_dim, text_dim, gating=True, learned_weights=True):
        super().__init__()
        if not video_modality_dim:
            raise ValueError("video_modality_dim is empty: MEE needs at least one expert")
        self.experts = sorted(video_modality_dim)
        self.text_dim = text_dim
        self.learned_weights = learned_weights
        dims = {name: video_modality_dim[name] for name in self.experts}
        self.video_GU = nn.ModuleDict({name: GatedEmbeddingUnit(i, o, gating) for name, (i, o) in dims.items()})
        self.text_GU = nn.ModuleDict({name: GatedEmbeddingUnit(text_dim, o, gating) for name, (_, o) in dims.items()})
        self.moe_fc = nn.Linear(text_dim, len(self.experts))

    def forward(self, captions, videos, ind=None, conf=True):
        """Scores (texts, clips) of every caption with every clip; with ``conf=False`` (n,) of caption i with clip i.

        captions  (texts, text_dim) float
        videos    expert -> (clips, dim) float; an expert left out is absent from all clips
        ind       expert -> (clips,) bool or 0/1, array, list or tensor; an expert left out, or ``ind=None``: all there
        """
        return self.score(self.embed_text(captions), self.embed_video(videos, ind), conf)

    def embed_text(self, captions):
        """``captions`` (texts, text_dim) as ({expert: (texts, dim)}, weights (texts, experts)); weights sum to 1."""
        captions = self._tensor(captions, "captions", self.text_dim)
        embeddings = {name: unit(captions) for name, unit in self.text_GU.items()}
        if not self.learned_weights:
            return embeddings, captions.new_full((len(captions), len(self.experts)), 1 / len(self.experts))
        return embeddings, torch.softmax(self.moe_fc(captions), dim=1)

    def embed_video(self, videos, ind=None):
        """``videos`` as ({expert: (clips, dim)}, mask (clips, experts) bool). Absent embeddings are zero.

        Only the rows that are there are computed on: what stands in the others (zeros, NaN, anything) reaches no
        score, no gradient and no batch statistic.
        """
        ind = {} if ind is None else ind
        self._known(videos, "videos")
        self._known(ind, "ind")
        if not videos:
            raise ValueError(f"videos is empty: give at least one of the experts {self.experts}")
        videos = {name: self._tensor(x, f"videos[{name!r}]", None) for name, x in videos.items()}
        sizes = {name: len(x) for name, x in videos.items()}
        clips = max(sizes.values())
        if min(sizes.values()) < clips:
            raise ValueError(f"videos has different numbers of clips: {sizes}")
        device = self.moe_fc.weight.device
        embeddings, mask = {}, torch.zeros(clips, len(self.experts), dtype=torch.bool, device=device)
        for i, name in enumerate(self.experts):
            unit = self.video_GU[name]
            x = videos.get(name)
            if x is None:
                embeddings[name] = torch.zeros(clips, unit.fc.out_features, device=device)
                continue
            if x.shape != (clips, unit.fc.in_features):
                raise ValueError(f"videos[{name!r}] is (clips, {unit.fc.in_features}); got {tuple(x.shape)}")
            there = _availability(ind.get(name), name, clips, device)
            mask[:, i] = there
            if bool(there.all()):
                embeddings[name] = unit(x)
            else:
                some = unit(x[there])
                embeddings[name] = some.new_zeros(clips, some.shape[1]).index_put((there,), some)
        return embeddings, mask

    def score(self, text, video, conf=True):
        """Join what ``embed_text`` and ``embed_video`` gave: (texts, clips), or (n,) pairs with ``conf=False``.

        s(t, v) = sum_e a_e(v) w_e(t) <t_e, v_e>  /  sum_e a_e(v) w_e(t),  a_e(v) = 1 if clip v has expert e, else 0.

        The numerator is one inner product of the embeddings side by side (absent ones are zero), the denominator
        another one of weights and mask: no tensor of texts x clips x experts arises. A clip without any expert scores
        -1, the lowest that a mean of cosines can be: it ranks last.
        """
        (text, weights), (video, mask) = text, video
        with torch.autocast(weights.device.type, enabled=False):  # a ratio of small numbers: full precision
            # the floor keeps the ratio defined where a clip has only experts that the sentence does not trust at all
            weights = weights.float().clamp_min(1e-12) if weights.dtype != torch.float64 else weights.clamp_min(1e-12)
            query = torch.cat([weights[:, i, None] * text[name].to(weights) for i, name in enumerate(self.experts)], 1)
            gallery = torch.cat([video[name].to(weights) for name in self.experts], 1)
            if conf:
                above, below = query @ gallery.T, weights @ mask.to(weights).T
            else:
                if len(query) != len(gallery):
                    raise ValueError(f"pairs need as many captions as clips; got {len(query)} and {len(gallery)}")
                above, below = (query * gallery).sum(1), (weights * mask).sum(1)
            nothing = ~mask.any(1)  # (clips,)
            return (above / below.masked_fill(nothing, 1)).masked_fill(nothing, NO_EXPERT)

    @classmethod
    def from_original(cls, state, order, weight_order=None):
        """A block with weights under the original code's names (``video_GU.0.fc.weight``...).

        state         name -> tensor or array
        order         the experts' names in the order of the original's numbers: that of its constructor's dict
        weight_order  the names in the order of the dict that the original was *called* with, if that was another:
                      its embeddings follow the one, its mixture weights the other
        """
        state = {name: torch.as_tensor(value) for name, value in state.items()}
        dims = {name: state[f"video_GU.{i}.fc.weight"].shape[::-1] for i, name in enumerate(order)}
        mee = cls(dims, state["moe_fc.weight"].shape[1], gating="video_GU.0.cg.fc.weight" in state)
        mee.load_state_dict(_named(state, list(order), list(weight_order or order), mee.experts))
        return mee

    def _tensor(self, x, what, dim):
        x = _as(x, self.moe_fc.weight)
        if x.ndim != 2 or (dim is not None and x.shape[1] != dim):
            raise ValueError(f"{what} is (rows, {dim or 'dimensions'}); got {tuple(x.shape)}")
        return x

    def _known(self, given, what):
        unknown = sorted(set(given) - set(self.experts))
        if unknown:
            raise ValueError(f"{what} names {unknown}; this model's experts are {self.experts}")


def _as(x, like):
    """``x`` (array, list or tensor) with the device and dtype of ``like``, a parameter."""
    return torch.as_tensor(x, device=like.device).to(like.dtype)


def _mask(mask, x):
    """The mask (items, rows) bool of ``x`` (items, rows, ...) on its device; None: all rows are real."""
    if mask is None:
        return torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
    mask = torch.as_tensor(mask, device=x.device)
    if mask.shape != x.shape[:2]:
        raise ValueError(f"the mask of {tuple(x.shape)} is {tuple(x.shape[:2])}; got {tuple(mask.shape)}")
    return mask.bool()


def _availability(ind, name, clips, device):
    if ind is None:
        return torch.ones(clips, dtype=torch.bool, device=device)
    ind = torch.as_tensor(ind, device=device)
    if ind.shape != (clips,):
        raise ValueError(f"ind[{name!r}] is ({clips},), a value a clip; got {tuple(ind.shape)}")
    if ind.dtype != torch.bool and not bool(((ind == 0) | (ind == 1)).all()):
        raise ValueError(f"ind[{name!r}] is boolean or 0/1; it holds other values")
    return ind.bool()


def _named(state, order, weight_order, experts):
    """The original's state dict under our names: experts by name, the rows of ``moe_fc`` in our order."""
    if not sorted(order) == sorted(weight_order) == experts:
        raise ValueError(f"order and weight_order name the same experts; got {order} and {weight_order}")
    out = {}
    for key, value in state.items():
        head, _, rest = key.partition("_GU.")
        if rest:
            number, _, tail = rest.partition(".")
            key = f"{head}_GU.{order[int(number)]}.{tail}"
        elif key.endswith(("moe_fc.weight", "moe_fc.bias")):
            value = value[[weight_order.index(name) for name in experts]]
        out[key] = value
    return out


class VideoTextMEE(nn.Module):
    """The whole network: NetVLAD over the words and over each sequence expert, and the MEE block (lesson 07).

    experts          expert -> (dimensions of a feature row, dimensions of its embedding)
    word_dim         dimensions of a word vector
    text_clusters    NetVLAD centres for words (the paper: 32)
    clusters         sequence expert -> its NetVLAD centres (the paper: audio 16); the other experts are vectors
    gating, learned_weights  as in :class:`MEE`

    ``embed_text(words, mask)`` and ``embed_video(videos, ind, masks)`` take what a :class:`mee.data.Batch` carries
    in ``text`` and ``video``; ``model(words, word_mask, videos, ind, masks)`` joins them by ``score``.
    """

    def __init__(self, experts, word_dim, text_clusters=32, clusters=None, gating=True, learned_weights=True):
        super().__init__()
        clusters = dict(clusters or {})
        unknown = sorted(set(clusters) - set(experts))
        if unknown:
            raise ValueError(f"clusters names {unknown}; the experts are {sorted(experts)}")
        self.text_pooling = NetVLAD(text_clusters, word_dim)
        self.pooling = nn.ModuleDict({name: NetVLAD(clusters[name], experts[name][0]) for name in sorted(clusters)})
        dims = {name: (i * clusters.get(name, 1), o) for name, (i, o) in experts.items()}
        self.mee = MEE(dims, self.text_pooling.out_dim, gating, learned_weights)

    @property
    def experts(self):
        """The experts' names, alphabetically: the columns of weights and masks."""
        return self.mee.experts

    def forward(self, words, word_mask, videos, ind=None, masks=None, conf=True):
        """Scores (texts, clips), or (n,) with ``conf=False``; see ``embed_text`` and ``embed_video``."""
        return self.score(self.embed_text(words, word_mask), self.embed_video(videos, ind, masks), conf)

    def embed_text(self, words, mask=None):
        """``words`` (texts, longest, word_dim), ``mask`` (texts, longest) bool, as :meth:`MEE.embed_text` gives it."""
        words = _as(words, self.mee.moe_fc.weight)
        return self.mee.embed_text(self.text_pooling(words, _mask(mask, words)))

    def embed_video(self, videos, ind=None, masks=None):
        """As :meth:`MEE.embed_video`, where a sequence expert is (clips, longest, dim) with its (clips, longest) mask.

        A sequence without any real row is absent, whatever ``ind`` says.
        """
        masks, ind, pooled = masks or {}, dict(ind or {}), {}
        for name, x in videos.items():
            if name in self.pooling:
                x = _as(x, self.mee.moe_fc.weight)
                there = _availability(ind.get(name), name, len(x), x.device)
                # what is absent is masked out here already: it must not enter the batch norm over rows either
                mask = _mask(masks.get(name), x) & there[:, None]
                ind[name] = mask.any(1)
                x = self.pooling[name](x, mask)
            pooled[name] = x
        return self.mee.embed_video(pooled, ind)

    def score(self, text, video, conf=True):
        """As :meth:`MEE.score`."""
        return self.mee.score(text, video, conf)

    @classmethod
    def from_original(cls, state, order, weight_order=None):
        """The network with weights under the original's names (``text_pooling``, ``audio_pooling``, ``mee.*``).

        Arguments as in :meth:`MEE.from_original`.
        """
        state = {name: torch.as_tensor(value) for name, value in state.items()}
        order, clusters, experts = list(order), {}, {}
        for i, name in enumerate(order):
            out_dim, in_dim = state[f"mee.video_GU.{i}.fc.weight"].shape
            centres = state.get(f"{name}_pooling.clusters")
            if centres is not None:
                in_dim, clusters[name] = centres.shape
            experts[name] = (in_dim, out_dim)
        word_dim, text_clusters = state["text_pooling.clusters"].shape
        gating = "mee.video_GU.0.cg.fc.weight" in state
        model = cls(experts, word_dim, text_clusters, clusters, gating)
        named = _named(state, order, list(weight_order or order), model.experts)
        for name in clusters:
            prefix = f"{name}_pooling."
            for key in [key for key in named if key.startswith(prefix)]:
                named[f"pooling.{name}." + key.removeprefix(prefix)] = named.pop(key)
        model.load_state_dict(named)
        return model
