"""Search: a trained model and its clips as an index that answers sentences (lessons 14 and 15).

The score of MEE is a weighted mean over the experts that a clip has,

    s(t, v) = sum_e a_e(v) w_e(t) <t_e, v_e>  /  sum_e a_e(v) w_e(t).

Above the line stands one inner product: of the query (w_e t_e, all experts side by side) with the clip (v_e side by
side, nothing where an expert is absent). Below it stands a number that the sentence and *which* experts a clip has
decide. So clips are grouped by the experts that they have: inside a group, the order by score is the order by inner
product, for which there are fast and well tested indices (FAISS). Each group is asked for its best k, the products are
divided by the group's number, and the lists are merged. That is the order of ``model.score``.

``kind="exact"`` compares with every clip. ``"hnsw"`` walks a graph of neighbours: much faster, but it is long in the
making, takes some 300 bytes a clip more, and now and then misses one. ``dtype="float16"`` halves the vectors of either.

FAISS is optional (``pip install -e '.[search]'``): without it the exact index does the same with PyTorch, more slowly.
"""

import json
from array import array
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import torch
from tqdm.auto import tqdm

from mee.data import Words
from mee.files import atomic, new_hdf5, seal, sealed
from mee.model import NO_EXPERT, VideoTextMEE

FORMAT, VERSION = "mee-index", 1
KINDS, DTYPES = ("exact", "hnsw"), ("float32", "float16")
SMALL = 10_000  # groups of fewer clips are compared one by one in an approximate index too: it is as fast
BLOCK = 16_384  # rows that are copied or compared at a time


class IndexFileError(ValueError):
    """An index file that cannot be used; the message names the file, what is wrong, and the mend."""


@dataclass
class Hit:
    """A clip that was found, and why.

    score       what ``model.score`` gives; the sum over experts of weight times similarity
    similarity  expert -> cosine of the sentence's and the clip's embeddings, of the experts that the clip has
    weight      expert -> the sentence's trust, among the experts that the clip has: they sum to 1
    where       what was said about the clip when it was added

    A clip without any (chosen) expert has the score -1 and empty dicts.
    """

    id: str
    score: float
    similarity: dict = field(default_factory=dict)
    weight: dict = field(default_factory=dict)
    where: dict = field(default_factory=dict)


class ClipIndex:
    """Clips to be found by sentences.

    dims   expert -> dimensions of its embedding
    kind   "exact" or "hnsw", the approximate one
    dtype  "float32" or "float16": how embeddings are kept
    model, words  :class:`mee.model.VideoTextMEE` and :class:`mee.data.Words` that turn sentences into vectors; without
           them only (embeddings, weights) can be searched for

    ``len(index)``, ``index.ids`` (list of str, those with the same experts together), ``"id" in index``. ``effort`` is
    how many candidates an approximate index keeps while it walks its graph: more find more, and take longer.
    """

    def __init__(self, dims, kind="exact", dtype="float32", model=None, words=None):
        if kind not in KINDS or dtype not in DTYPES:
            raise ValueError(f"kind is one of {KINDS} and dtype one of {DTYPES}; got {kind!r}, {dtype!r}")
        if not dims or min(dims.values()) < 1:
            raise ValueError(f"dims names at least one expert and its dimensions; got {dims}")
        if kind != "exact":
            _faiss()  # to say now that it is missing
        self.dims = {name: int(dims[name]) for name in sorted(dims)}
        self.kind, self.dtype, self.model, self.words = kind, dtype, model, words
        self.effort = 128
        self._groups = {}  # columns of the experts that its clips have -> _Group
        self._abouts = []  # the distinct dicts `where`; clips hold numbers into this list
        self._about_number = {}  # the same as JSON -> number

    @property
    def experts(self):
        """The experts' names, alphabetically: the columns of weights and masks."""
        return list(self.dims)

    @property
    def ids(self):
        return [group.ids[row] for group in self._groups.values() for row in group.left()]

    def __len__(self):
        return sum(len(group) for group in self._groups.values())

    def __contains__(self, id):
        return any(group.find([id]) for group in self._groups.values())

    @property
    def nbytes(self):
        """Bytes of the vectors that are kept; graphs and ids come on top."""
        width = 2 if self.dtype == "float16" else 4
        return width * sum(len(group) * group.dim for group in self._groups.values())

    # ------------------------------------------------------------------------------------------------- filling it

    @classmethod
    def build(
        cls, model, clips, rows=None, kind="exact", dtype="float32", words=None, chunk=512, max_rows=None, progress=True
    ):
        """An index of ``clips``, embedded in chunks: a file larger than memory passes through it.

        model     :class:`mee.model.VideoTextMEE`
        clips     :class:`mee.data.Clips`; each clip's ``where`` is its split
        rows      numbers of the clips to take (default: all)
        words     the model's vocabulary (default: that of ``clips``)
        chunk     clips that are embedded together
        max_rows  longer sequences are cut, as in :func:`mee.train.fit`
        """
        rows = torch.arange(len(clips)) if rows is None else torch.as_tensor(rows, dtype=torch.long)
        if len(rows.unique()) < len(rows):
            raise ValueError("rows names a clip twice")  # the ids of a clip file are unique, so this is enough
        dims = {name: unit.fc.out_features for name, unit in model.mee.video_GU.items()}
        index = cls(dims, kind, dtype, model, words or clips.words)
        index._expect(clips, rows)
        with tqdm(total=len(rows), disable=not progress, unit="clip", desc="indexing") as bar:
            for ids, videos, where in embedded(model, clips, rows, chunk, max_rows):
                index._add(ids, videos, where)
                bar.update(len(ids))
        return index

    def _expect(self, clips, rows):
        """Take the room that the groups will need at once: growing would hold the largest one twice for a moment."""
        known = _common(self, clips)
        columns = [self.experts.index(name) for name in known]
        present = clips.present[rows][:, [list(clips.experts).index(name) for name in known]]
        for pattern, count in zip(*present.unique(dim=0, return_counts=True), strict=True) if len(rows) else ():
            there = tuple(column for column, is_there in zip(columns, pattern.tolist(), strict=True) if is_there)
            self._group(there).reserve(int(count))

    def add(self, ids, videos, where=None):
        """Add clips; either all of them, or none if something is wrong with one (ValueError).

        ids     list of str, not in the index yet
        videos  ({expert: (clips, dim)}, mask (clips, experts) bool), as ``model.embed_video`` gives it
        where   a dict for each clip, of values that JSON can hold, to search by: ``{"split": "test"}``; or None
        """
        ids = list(ids)
        for id in ids:
            if not isinstance(id, str):
                raise ValueError(f"id {id!r} is not a str")
        there = [id for group in self._groups.values() for id in group.find(ids)]
        if there or len(set(ids)) < len(ids):
            raise ValueError(f"id {there[0]!r} is in the index already" if there else "ids names a clip twice")
        self._add(ids, videos, [{}] * len(ids) if where is None else list(where))

    def _add(self, ids, videos, where):
        vectors, mask = offered(self, ids, videos, where)
        numbers = [self._about(about) for about in where]
        patterns, inverse = mask.unique(dim=0, return_inverse=True) if len(ids) else (mask, None)
        for i, pattern in enumerate(patterns):
            columns = tuple(pattern.nonzero()[:, 0].tolist())
            rows = (inverse == i).nonzero()[:, 0]
            parts = [vectors[self.experts[column]][rows] for column in columns]
            x = torch.cat(parts, 1).numpy() if parts else np.zeros((len(rows), 0), "f4")
            picked = rows.tolist()
            self._group(columns).add([ids[j] for j in picked], x, [numbers[j] for j in picked])

    def remove(self, ids):
        """Take clips out; an id that is not there raises KeyError, and then nothing is removed.

        They are marked as gone at once. Their vectors go when a quarter of their group has been marked, or with
        ``save``: the group is built anew then (a graph cannot be cut a node at a time).
        """
        ids = list(dict.fromkeys([ids] if isinstance(ids, str) else ids))
        found = [(group, group.find(ids)) for group in self._groups.values()]
        missing = set(ids).difference(*(rows for _, rows in found))
        if missing:
            raise KeyError(f"{min(missing)!r} is not in the index")
        for group, rows in found:
            group.gone.update(rows.values())
            if 4 * len(group.gone) > len(group.ids):
                group.compact()

    def _group(self, columns):
        if columns not in self._groups:
            dims = list(self.dims.values())
            self._groups[columns] = _Group([dims[column] for column in columns], self.kind, self.dtype)
        return self._groups[columns]

    def _about(self, about):
        """The number of a ``where``: clips of one film or split share it."""
        key = json.dumps(about, sort_keys=True)
        if key not in self._about_number:
            if not isinstance(about, dict):
                raise ValueError(f"where is a dict for each clip; got {about!r}")
            self._about_number[key] = len(self._abouts)
            self._abouts.append(json.loads(key))
        return self._about_number[key]

    # ------------------------------------------------------------------------------------------------ searching it

    def search(self, query, k=10, where=None, experts=None):
        """The ``k`` best clips, best first (fewer if there are fewer): list of :class:`Hit`, or a list of lists.

        query    a sentence; or a list of them; or ({expert: (texts, dim)}, weights (texts, experts)), as
                 ``model.embed_text`` gives it. Anything but one sentence gives a list for each
        where    only clips with these values, ``{"split": "test"}``; or a function of a clip's dict that gives a bool
        experts  names of those that have a say; the others are as if absent from every clip

        Raises ValueError for a sentence without a word that the vocabulary knows.
        """
        texts, weights, chosen = asked(self, query, k, experts)
        allowed = self._allowed(where)
        found = [[] for _ in weights]  # for each query (score, group, row)
        for columns, group in self._groups.items():
            keep = group.keep(allowed)
            if not len(group) or (keep is not None and not keep.any()):
                continue
            used = [column for column in columns if chosen[column]]
            if used:
                # what is in the vectors but not chosen meets zeros
                product, rows = group.search(self._side_by_side(texts, weights, columns), k, keep, self.effort)
                scores = product / weights[:, used].sum(1, keepdims=True)
            else:
                rows = np.flatnonzero(keep)[:k] if keep is not None else np.arange(min(k, len(group.ids)))
                rows = np.tile(rows, (len(weights), 1))
                scores = np.full(rows.shape, -np.inf)  # behind all that can be scored
            for i, row in zip(*np.nonzero(rows >= 0), strict=True):
                found[i].append((scores[i, row], columns, int(rows[i, row])))
        best = [sorted(hits, key=lambda hit: -hit[0])[:k] for hits in found]
        hits = self._explained(best, texts, weights, chosen)
        return hits[0] if isinstance(query, str) else hits

    def _side_by_side(self, texts, weights, columns):
        names = self.experts
        return np.concatenate([weights[:, [column]] * texts[names[column]] for column in columns], 1)

    def _allowed(self, where):
        """(distinct dicts,) bool: which of them ``where`` lets through; None: all."""
        if where is None:
            return None
        if callable(where):
            return np.array([bool(where(dict(about))) for about in self._abouts], bool)
        fits = [all(key in about and about[key] == where[key] for key in where) for about in self._abouts]
        return np.array(fits, bool)

    def _explained(self, best, texts, weights, chosen):
        """The (score, columns, row) of each query as hits, best first: similarities anew from the stored vectors."""
        out = [[None] * len(hits) for hits in best]
        places = {}
        for i, hits in enumerate(best):
            for j, (_, columns, row) in enumerate(hits):
                places.setdefault(columns, []).append((i, j, row))
        for columns, found in places.items():
            group = self._groups[columns]
            queries, _, rows = (list(part) for part in zip(*found, strict=True))
            used = [column for column in columns if chosen[column]]
            names = [self.experts[column] for column in used]
            if used:
                vectors = dict(zip(columns, group.vectors(rows), strict=True))
                similarity = np.stack(
                    [(texts[n][queries] * vectors[c]).sum(1) for n, c in zip(names, used, strict=True)], 1
                )
                weight = weights[queries][:, used]
                weight = weight / weight.sum(1, keepdims=True)
                score = (weight * similarity).sum(1)
            for at, (i, j, row) in enumerate(found):
                hit = out[i][j] = Hit(group.ids[row], NO_EXPERT, where=dict(self._abouts[group.about[row]]))
                if used:
                    hit.score = float(score[at])
                    hit.similarity = dict(zip(names, similarity[at].tolist(), strict=True))
                    hit.weight = dict(zip(names, weight[at].tolist(), strict=True))
        return [sorted(hits, key=lambda hit: (not hit.weight, -hit.score)) for hits in out]

    # --------------------------------------------------------------------------------------------------- its file

    def save(self, path):
        """Write the index, with its model and vocabulary, to one HDF5 file: whole, or not at all."""
        path = Path(path)
        size = 2**20 + 2 * self.nbytes if self.kind != "exact" else 2**20 + self.nbytes
        try:
            with atomic(path) as temporary:
                with new_hdf5(temporary, size + self._size_of_the_rest()) as file:
                    self._write(file)
                seal(temporary)
        except OSError as error:
            raise IndexFileError(f"{path}: cannot be written: {error.strerror or error}") from error

    def _size_of_the_rest(self):
        size = sum(len(id.encode()) + 20 for id in self.ids) + sum(map(len, self._about_number)) + 2**16
        if self.model is not None:
            size += sum(x.numel() * x.element_size() + 1024 for x in self.model.state_dict().values())
        if self.words is not None:
            size += self.words.vectors.numel() * 4 + sum(len(word.encode()) + 4 for word in self.words.words)
        return size

    def _write(self, file):
        file.attrs.update({"format": FORMAT, "version": VERSION, "kind": self.kind, "dtype": self.dtype})
        file.attrs.update({"dims": json.dumps(self.dims), "effort": self.effort})
        _put_texts(file, "where", [json.dumps(about) for about in self._abouts])
        for number, (columns, group) in enumerate(self._groups.items()):
            place = file.create_group(f"groups/{number:06d}")
            place.attrs["columns"] = np.array(columns, np.int64)
            group.write(place)
        if self.model is not None:
            place = file.create_group("model")
            place.attrs["architecture"] = json.dumps(_architecture(self.model))
            for name, value in self.model.state_dict().items():
                place[name] = value.detach().cpu().numpy()
        if self.words is not None:
            _put_texts(file, "words/word", self.words.words)
            file["words/vectors"] = self.words.vectors.cpu().numpy()

    @classmethod
    def load(cls, path):
        """The index that :meth:`save` wrote; :class:`IndexFileError` says what is wrong with a file.

        Nothing is unpickled. The graph of an approximate index is read by FAISS, which trusts what it reads: the
        checksum finds damage, not malice, so take such a file only from somebody you trust.
        """
        path = Path(path)
        if not path.is_file():
            raise IndexFileError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
        if not sealed(path):
            raise IndexFileError(f"{path}: damaged, not complete, or no index: its checksum is missing or wrong")
        try:
            with h5py.File(path, "r") as file:
                if file.attrs.get("format") != FORMAT:
                    raise IndexFileError(f"{path}: not an index of this library")
                if file.attrs.get("version") != VERSION:
                    raise IndexFileError(
                        f"{path}: version {file.attrs.get('version')}; this library reads version {VERSION}: "
                        "build the index again"
                    )
                return cls._read(file)
        except IndexFileError:
            raise
        except ImportError:
            raise
        except Exception as error:  # a file that somebody made by hand can hold anything
            raise IndexFileError(
                f"{path}: its parts do not fit together ({type(error).__name__}: {error}); build the index again"
            ) from error

    @classmethod
    def _read(cls, file):
        model = words = None
        if "model" in file:
            with torch.device("meta"):  # no weights are drawn, which would use the caller's random numbers
                model = VideoTextMEE(**json.loads(file["model"].attrs["architecture"])).eval()
            state = {name: torch.as_tensor(x[()]) for name, x in file["model"].items()}
            model.load_state_dict(state, assign=True)
        if "words" in file:
            words = Words(_texts(file, "words/word"), file["words/vectors"][()])
        index = cls(json.loads(file.attrs["dims"]), file.attrs["kind"], file.attrs["dtype"], model, words)
        index.effort = int(file.attrs["effort"])
        for about in _texts(file, "where"):
            index._about(json.loads(about))
        for place in file.get("groups", {}).values():
            columns = tuple(int(column) for column in place.attrs["columns"])
            if list(columns) != sorted(set(columns) & set(range(len(index.dims)))) or columns in index._groups:
                raise ValueError(f"a group of the experts {columns}")
            index._group(columns).read(place, len(index._abouts))
        return index


@contextmanager
def evaluating(model):
    """The model in evaluation mode and without gradients, and then as it was."""
    training = model.training
    if training:  # a model that serves already is not touched: other threads may be using it
        model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        if training:
            model.train()


def embedded(model, clips, rows, chunk, max_rows=None):
    """Clips ``rows`` in chunks, as ``add`` takes them: ids, what ``model.embed_video`` gives, and {"split": ...}."""
    known = _common(model, clips)
    for part in rows.split(chunk):
        numbers = part.tolist()
        with evaluating(model):
            videos = model.embed_video(*clips.video(part, known, max_rows))
        yield [clips.ids[i] for i in numbers], videos, [{"split": str(clips.split[i])} for i in numbers]


def _common(model, clips):
    known = [name for name in model.experts if name in clips.experts]
    if not known:
        raise ValueError(f"{clips.path} has {list(clips.experts)}, the model {model.experts}: no expert in common")
    return known


def offered(index, ids, videos, where):
    """What is to be added to an index, as float32 tensors and a mask on the CPU; ValueError if something is wrong."""
    embeddings, mask = videos
    mask = torch.as_tensor(mask).bool().cpu()
    if mask.shape != (len(ids), len(index.dims)) or len(where) != len(ids):
        raise ValueError(
            f"{len(ids)} ids need a mask of {(len(ids), len(index.dims))} and as many dicts where; got "
            f"{tuple(mask.shape)} and {len(where)}"
        )
    if set(embeddings) != set(index.dims):
        raise ValueError(f"embeddings of {sorted(embeddings)}; the experts of this index are {index.experts}")
    vectors = {}
    for i, (name, dim) in enumerate(index.dims.items()):
        x = vectors[name] = torch.as_tensor(embeddings[name]).detach().cpu().float()
        if x.shape != (len(ids), dim):
            raise ValueError(f"embeddings[{name!r}] is {(len(ids), dim)}; got {tuple(x.shape)}")
        bad = mask[:, i] & ~(x.half() if index.dtype == "float16" else x).isfinite().all(1)
        if bad.any():
            raise ValueError(f"id {ids[int(bad.nonzero()[0])]!r}: its {name!r} has NaN, Inf or a huge number")
    return vectors, mask


def asked(index, query, k, experts):
    """What ``search`` is asked, checked: ({expert: (texts, dim)}, weights (texts, experts), chosen (experts,) bool).

    Arrays, float32. Weights of experts that were not chosen are zero; the others have the floor of ``model.score``.
    """
    if k != int(k) or k < 1:
        raise ValueError(f"k is a number from 1; got {k!r}")
    names = index.experts if experts is None else experts
    unknown = sorted(set(names) - set(index.dims))
    if unknown or not names or isinstance(names, str):
        raise ValueError(f"experts is a list of at least one of {index.experts}; got {experts!r}")
    chosen = np.array([name in names for name in index.dims])
    query = [query] if isinstance(query, str) else query
    if isinstance(query, list):
        if index.model is None or index.words is None:
            raise ValueError("this index has no model or no vocabulary to read sentences with; give embeddings")
        for text in query:
            if not index.words.ids(text):
                known = f"none of its words is among the {len(index.words)} of the vocabulary"
                raise ValueError(f"{text[:80]!r}: {known}")
        with evaluating(index.model):
            query = index.model.embed_text(*index.words.batch(query))
    texts, weights = query
    weights = torch.as_tensor(weights).detach().cpu().float().numpy()
    if weights.ndim != 2 or weights.shape[1] != len(chosen):
        raise ValueError(f"weights are (texts, {len(chosen)}); got {weights.shape}")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError("weights are finite and not negative")
    if set(texts) != set(index.dims):
        raise ValueError(f"embeddings of {sorted(texts)}; the experts of this index are {index.experts}")
    texts = {name: torch.as_tensor(texts[name]).detach().cpu().float().numpy() for name in index.dims}
    for name, dim in index.dims.items():
        if texts[name].shape != (len(weights), dim):
            raise ValueError(f"the query's {name!r} is {(len(weights), dim)}; got {texts[name].shape}")
        if not np.isfinite(texts[name]).all():
            raise ValueError(f"the query's {name!r} has NaN or Inf")
    return texts, weights.clip(1e-12) * chosen, chosen


class _Group:
    """The clips that have the same experts: their vectors side by side in one store, and who they are."""

    def __init__(self, dims, kind, dtype):
        self.dims, self.dim, self.kind, self.dtype = dims, sum(dims), kind, dtype
        self.ids, self.about = _Ids(), array("i")  # of each row
        self.gone = set()  # rows that were removed
        self.store = _flat(self.dim, dtype)

    def __len__(self):
        return len(self.ids) - len(self.gone)

    def left(self):
        """The rows that were not removed."""
        return [row for row in range(len(self.ids)) if row not in self.gone]

    def find(self, ids):
        """id -> row of those that are here."""
        return {id: row for id, row in self.ids.find(ids) if row not in self.gone}

    def reserve(self, count):
        if self.kind == "exact" or count < SMALL:
            _reserve(self.store, count)

    def add(self, ids, vectors, about):
        self.ids.extend(ids)
        self.about.extend(about)
        if self.dim:
            self.store.add(np.ascontiguousarray(vectors))
            self._grow()

    def _grow(self):
        """Make a graph of a store that has become large; what is added later joins the graph."""
        if self.kind == "hnsw" and self.store.ntotal >= SMALL and not hasattr(self.store, "hnsw"):
            self.store = _graph(self.store, self.dtype)

    def compact(self):
        """Build the store anew, without the removed rows."""
        left, old, ids = self.left(), self.store, _Ids()
        ids.extend([self.ids[row] for row in left])
        self.ids, self.about = ids, array("i", [self.about[row] for row in left])
        self.gone, self.store = set(), _flat(self.dim, self.dtype)
        if self.dim:
            _reserve(self.store, len(left))
            for part in _blocks(np.array(left, np.int64)):
                self.store.add(old.reconstruct_batch(part))
            self._grow()

    def keep(self, allowed):
        """(rows,) bool: which rows may be found; None: all."""
        if allowed is None and not self.gone:
            return None
        keep = np.ones(len(self.ids), bool) if allowed is None else allowed[np.frombuffer(self.about, np.int32)]
        keep[list(self.gone)] = False
        return keep

    def search(self, queries, k, keep, effort):
        """Inner products (queries, k) and rows (queries, k) of the best; row -1 where there are no more."""
        n = self.store.ntotal
        kept = n if keep is None else int(keep.sum())
        k = min(k, kept)
        queries = np.ascontiguousarray(queries, np.float32)
        if keep is not None and (isinstance(self.store, _Plain) or kept < max(SMALL, n // 20)):
            # few are left: comparing with each of them is faster, and finds them all
            rows = np.flatnonzero(keep)
            products, best = _best(queries, (self.store.reconstruct_batch(part) for part in _blocks(rows)), k)
            return products, rows[best]
        if isinstance(self.store, _Plain):
            return self.store.search(queries, k)
        faiss = _faiss()
        options = {}
        if keep is not None:
            bits = np.packbits(keep, bitorder="little")
            options["sel"] = faiss.IDSelectorBitmap(bits)
        if hasattr(self.store, "hnsw"):
            params = faiss.SearchParametersHNSW(efSearch=max(effort, k), **options)
        else:
            params = faiss.SearchParameters(**options)
        return self.store.search(queries, k, params=params)

    def vectors(self, rows):
        """The embeddings (rows, dim) of each expert."""
        return np.split(self.store.reconstruct_batch(np.asarray(rows, np.int64)), np.cumsum(self.dims)[:-1], 1)

    def write(self, place):
        if self.gone:
            self.compact()
        place["id/bytes"] = np.frombuffer(self.ids.raw, np.uint8)
        place["id/length"] = np.diff(self.ids.ends, prepend=0).astype(np.int32)
        place["about"] = np.frombuffer(self.about, np.int32) if self.ids else np.zeros(0, np.int32)
        if not self.dim:
            return
        if hasattr(self.store, "hnsw"):
            out = place.create_dataset("faiss", (0,), np.uint8, maxshape=(None,), chunks=(2**20,))

            def append(data):
                out.resize((len(out) + len(data),))
                out[-len(data) :] = np.frombuffer(data, np.uint8)
                return len(data)

            faiss = _faiss()
            writer = faiss.BufferedIOWriter(faiss.PyCallbackIOWriter(append), 2**22)
            faiss.write_index(self.store, writer)
            del writer  # writes what is left in its buffer
        else:
            out = place.create_dataset("vectors", (len(self.ids), self.dim), self.dtype)
            for part in _blocks(np.arange(len(self.ids))):
                out[part[0] : part[-1] + 1] = self.store.reconstruct_batch(part)

    def read(self, place, abouts):
        self.ids.extend(_texts(place, "id"))
        self.about = array("i", place["about"][()].astype(np.int32).tobytes())
        if len(self.about) != len(self.ids) or not all(0 <= number < abouts for number in set(self.about)):
            raise ValueError("ids and what is said about them differ")
        if not self.dim:
            return
        if "faiss" in place:
            stored, at = place["faiss"], 0

            def more(size):
                nonlocal at
                data = stored[at : at + size].tobytes()
                at += len(data)
                return data

            faiss = _faiss()
            self.store = faiss.read_index(faiss.BufferedIOReader(faiss.PyCallbackIOReader(more), 2**22))
        else:
            _reserve(self.store, len(self.ids))
            for part in _blocks(np.arange(len(self.ids))):
                vectors = place["vectors"][part[0] : part[-1] + 1].astype(np.float32)
                if not np.isfinite(vectors).all():
                    raise ValueError("vectors with NaN or Inf")
                self.store.add(vectors)
        if self.store.ntotal != len(self.ids) or self.store.d != self.dim:
            raise ValueError("ids and vectors differ in number, or in dimensions")


class _Ids:
    """The id of each row, as one run of bytes: strings and a dict of them take 200 bytes a clip, half of its vectors.

    Finding an id is a scan over hashes, about 10 ms in a million, which few need: searching goes from row to id.
    """

    def __init__(self):
        self.raw, self.ends, self.hashes = bytearray(), array("q"), array("q")

    def __len__(self):
        return len(self.ends)

    def __getitem__(self, row):
        return self.raw[self.ends[row - 1] if row else 0 : self.ends[row]].decode("utf-8", "surrogatepass")

    def extend(self, ids):
        for id in ids:
            self.raw += id.encode("utf-8", "surrogatepass")
            self.ends.append(len(self.raw))
            self.hashes.append(hash(id))

    def find(self, ids):
        """(id, row) of those of ``ids`` that are here."""
        wanted = set(ids)
        if not wanted or not len(self):
            return []
        asked = np.sort(np.array([hash(id) for id in wanted], np.int64))
        hashes = np.frombuffer(self.hashes, np.int64)
        rows = np.flatnonzero(asked[np.searchsorted(asked[:-1], hashes)] == hashes)
        return [(self[row], row) for row in rows.tolist() if self[row] in wanted]


# ------------------------------------------------------------------------------------------------------- the stores


def _faiss():
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            "an approximate index needs FAISS, which is missing: pip install -e '.[search]', or faiss-cpu; "
            "kind='exact' works without"
        ) from error
    return faiss


def _flat(dim, dtype):
    """A store that compares with every row: FAISS's, or without FAISS our own."""
    try:
        faiss = _faiss()
    except ImportError:
        return _Plain(dim, dtype)
    if dtype == "float32":
        return faiss.IndexFlatIP(dim)
    store = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    store.is_trained = True  # float16 has nothing to learn
    return store


def _graph(flat, dtype):
    """The rows of ``flat`` in a graph of neighbours (Malkov and Yashunin's HNSW), each linked with up to 64 others."""
    faiss = _faiss()
    if dtype == "float32":
        store = faiss.IndexHNSWFlat(flat.d, 32, faiss.METRIC_INNER_PRODUCT)
    else:
        store = faiss.IndexHNSWSQ(flat.d, faiss.ScalarQuantizer.QT_fp16, 32, faiss.METRIC_INNER_PRODUCT)
        store.is_trained = store.storage.is_trained = True
    store.hnsw.efConstruction = 80
    for part in _blocks(np.arange(flat.ntotal)):
        store.add(flat.reconstruct_batch(part))
    return store


def _reserve(store, count):
    """Room for ``count`` rows at once: a store that grows bit by bit is copied, and so there twice, when it does."""
    if isinstance(store, _Plain):
        store.reserve(count)
    elif hasattr(store, "codes") and store.ntotal == 0:
        store.codes.resize(count * store.code_size)
        store.codes.resize(0)


def _blocks(rows):
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]


def _best(queries, blocks, k):
    """Inner products (queries, k) and positions of the best among rows that come in ``blocks``."""
    queries, products, rows, start = torch.from_numpy(queries), [], [], 0
    for block in blocks:
        block = torch.as_tensor(block)
        top = (queries @ block.to(queries).T).topk(min(k, len(block)), 1)
        products.append(top.values)
        rows.append(top.indices + start)
        start += len(block)
    best = torch.cat(products, 1).topk(k, 1)
    return best.values.numpy(), torch.cat(rows, 1).gather(1, best.indices).numpy()


class _Plain:
    """What FAISS's flat stores do, in PyTorch, for machines without FAISS."""

    def __init__(self, dim, dtype):
        self.d, self.ntotal = dim, 0
        self.room = torch.empty(0, dim, dtype=getattr(torch, dtype))

    def reserve(self, count):
        if count > len(self.room):
            room = self.room.new_empty(count, self.d)
            room[: self.ntotal] = self.room[: self.ntotal]
            self.room = room

    def add(self, vectors):
        if self.ntotal + len(vectors) > len(self.room):
            self.reserve(max(self.ntotal + len(vectors), 2 * self.ntotal))
        self.room[self.ntotal : self.ntotal + len(vectors)] = torch.from_numpy(vectors)
        self.ntotal += len(vectors)

    def search(self, queries, k):
        return _best(queries, self.room[: self.ntotal].split(BLOCK), k)

    def reconstruct_batch(self, rows):
        return self.room[torch.from_numpy(rows)].float().numpy()


# ----------------------------------------------------------------------------------------------------- in the file


def _architecture(model):
    """The arguments that make a network of ``model``'s shape."""
    if type(model) is not VideoTextMEE:
        raise ValueError(f"an index is saved with a VideoTextMEE; this one has a {type(model).__name__}")
    clusters = {name: pool.clusters.shape[1] for name, pool in model.pooling.items()}
    experts = {
        name: (unit.fc.in_features // clusters.get(name, 1), unit.fc.out_features)
        for name, unit in model.mee.video_GU.items()
    }
    word_dim, text_clusters = model.text_pooling.clusters.shape
    gating = not isinstance(next(iter(model.mee.video_GU.values())).cg, torch.nn.Identity)
    return {
        "experts": experts,
        "word_dim": word_dim,
        "text_clusters": text_clusters,
        "clusters": clusters,
        "gating": gating,
        "learned_weights": model.mee.learned_weights,
    }


def _put_texts(place, name, texts):
    """Strings as one run of bytes and the length of each: small and quick for a million of them."""
    raw = [text.encode("utf-8", "surrogatepass") for text in texts]
    place[f"{name}/bytes"] = np.frombuffer(b"".join(raw), np.uint8)
    place[f"{name}/length"] = np.array([len(text) for text in raw], np.int32)


def _texts(place, name):
    raw, length = place[f"{name}/bytes"][()].tobytes(), place[f"{name}/length"][()]
    ends = np.cumsum(length, dtype=np.int64).tolist()
    if len(raw) != (ends[-1] if ends else 0) or (length < 0).any():
        raise ValueError(f"{name}: lengths and bytes differ")
    starts = [0, *ends[:-1]]
    return [raw[a:b].decode("utf-8", "surrogatepass") for a, b in zip(starts, ends, strict=False)]
