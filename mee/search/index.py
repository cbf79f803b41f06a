"""Search: a trained model and its clips as an index that answers sentences (lessons 14 and 15).

The score of MEE is a weighted mean over the experts that a clip has,

    s(t, v) = sum_e a_e(v) w_e(t) <t_e, v_e>  /  sum_e a_e(v) w_e(t),        a_e(v) = 1 if clip v has expert e, else 0.

The numerator is one inner product: of the query (w_e t_e, the experts concatenated) with the clip (v_e concatenated).
The denominator depends on the sentence and on *which* experts the clip has, its pattern, and on nothing else of the
clip. So clips are grouped by pattern. Inside a group the denominator is one positive number, and the order by score is
the order by inner product, for which there are fast and well tested indices (FAISS). Each group gives its best k, their
products are divided by the group's denominator, and the lists are merged: no clip outside a group's best k can be among
the best k of all, so the result is the order of ``model.score``. With n experts there are at most 2^n groups.
An expert that a search leaves out has the weight 0 in both numbers; nothing is rebuilt for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import torch

from mee.data import Clips, Words
from mee.model import NO_EXPERT, TextEmbedding, VideoEmbedding, VideoTextMEE
from mee.search.common import Hit, embed_and_add, encode_query, validate_clips, validate_dims, validate_search
from mee.search.stores import DTYPES, KINDS, ClipGroup, import_faiss
from mee.storage.checkpoint import rebuild_model
from mee.storage.files import atomic, new_hdf5, read_strings, seal, sealed, write_strings

FORMAT, VERSION = "mee-index", 2
LAST = np.finfo(np.float32).min  # orders clips without any expert behind all that have a score


class IndexFileError(ValueError):
    """An index file that cannot be used; the message names the file, what is wrong, and the fix."""


class Query(NamedTuple):
    """Sentences: vectors (texts, dim) of each expert, weights (texts, experts), 0 only where an expert is left out."""

    vectors: list[np.ndarray]
    weights: np.ndarray


class ClipIndex:
    """Clips that sentences can find, in this process's memory.

    ``len(index)``, ``index.ids`` (list of str, those with the same experts together), ``"id" in index``.

    Parameters
    ----------
    dims
        Expert -> dimensions of its embedding.
    kind
        "exact" compares with every clip. "hnsw" walks a graph of neighbours: much faster, but it takes long to build
        and some 300 bytes per clip more, and now and then misses one. ``ef_search`` is how many candidates the walk
        keeps: more find more, and take longer.
    dtype
        "float32" or "float16", which halves the vectors of either kind.
    model, words
        What turns sentences into embeddings; without them only a :class:`mee.TextEmbedding` can be searched for.

    Raises
    ------
    ImportError
        FAISS is missing: ``pip install -e '.[search]'``.
    ValueError
        An unknown kind or dtype, or no dimensions.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        kind: str = "exact",
        dtype: str = "float32",
        model: VideoTextMEE | None = None,
        words: Words | None = None,
    ) -> None:
        if kind not in KINDS or dtype not in DTYPES:
            raise ValueError(f"kind is one of {KINDS} and dtype one of {DTYPES}; got {kind!r}, {dtype!r}")
        self.dims = validate_dims(dims)
        import_faiss()  # to say now that it is missing
        self.kind, self.dtype, self.model, self.words = kind, dtype, model, words
        self.ef_search = 128
        self._groups: dict[tuple[int, ...], ClipGroup] = {}  # pattern, as columns of the mask -> its clips
        self._metadata_ids: dict[str, int] = {}  # distinct metadata as JSON -> number, in the order of _metadata
        self._metadata: list[dict[str, Any]] = []  # clips hold numbers into this list: those of a split share a dict

    @property
    def experts(self) -> list[str]:
        """The experts' names, alphabetically: the columns of weights and masks."""
        return list(self.dims)

    @property
    def ids(self) -> list[str]:
        """The ids of all clips in the index."""
        return [id for group in self._groups.values() for id in group.live_rows]

    def __len__(self) -> int:
        return sum(len(group) for group in self._groups.values())

    def __contains__(self, id: str) -> bool:
        return any(id in group.live_rows for group in self._groups.values())

    @property
    def nbytes(self) -> int:
        """Bytes of the vectors; graphs, ids and metadata come on top."""
        return np.dtype(self.dtype).itemsize * sum(len(group) * group.dim for group in self._groups.values())

    @classmethod
    def build(
        cls,
        model: VideoTextMEE,
        clips: Clips,
        clip_ids: Any = None,
        kind: str = "exact",
        dtype: str = "float32",
        words: Words | None = None,
        chunk: int = 512,
        progress: bool = True,
    ) -> ClipIndex:
        """An index of ``clips``, embedded ``chunk`` clips at a time: a file larger than memory passes through it.

        Parameters
        ----------
        clip_ids
            Numbers of the clips to index (default: all). Each clip's metadata is ``{"split": ...}``.
        words
            The model's vocabulary (default: that of ``clips``).
        """
        dims = {name: dim for name, (_, dim) in model.config.experts.items()}
        index = cls(dims, kind, dtype, model, words or clips.words)
        embed_and_add(index, model, clips, clip_ids, chunk, progress)
        return index

    def _group(self, columns: tuple[int, ...]) -> ClipGroup:
        if columns not in self._groups:
            dims = list(self.dims.values())
            self._groups[columns] = ClipGroup([dims[column] for column in columns], self.kind, self.dtype)
        return self._groups[columns]

    def add(self, ids: Iterable[str], video: VideoEmbedding, metadata: Iterable[dict[str, Any]] | None = None) -> None:
        """Add clips: all of them, or none if something is wrong with one.

        Parameters
        ----------
        ids
            Names that are not in the index yet.
        video
            What ``model.embed_video`` gives: vectors (clips, dim) per expert and mask (clips, experts) bool.
        metadata
            A dict per clip, of values that JSON can hold, to filter by: ``{"split": "test"}``.

        Raises
        ------
        ValueError
            An id twice, shapes or experts that are not the index's, NaN or Inf; the message names the clip.
        """
        ids, (vectors, mask), keys = validate_clips(self, ids, video, metadata)
        if known := [id for id in ids if id in self]:
            raise ValueError(f"id {known[0]!r} is in the index already")
        numbers = [self._metadata_id(key) for key in keys]
        patterns, inverse = mask.unique(dim=0, return_inverse=True) if len(ids) else (mask, mask)
        for i, pattern in enumerate(patterns):
            columns = tuple(pattern.nonzero()[:, 0].tolist())
            rows = (inverse == i).nonzero()[:, 0].tolist()
            x = torch.cat([vectors[self.experts[column]][rows] for column in columns] or [torch.zeros(len(rows), 0)], 1)
            self._group(columns).add([ids[j] for j in rows], x.numpy(), [numbers[j] for j in rows])

    def _metadata_id(self, key: str) -> int:
        if key not in self._metadata_ids:
            self._metadata_ids[key] = len(self._metadata)
            self._metadata.append(json.loads(key))
        return self._metadata_ids[key]

    def remove(self, ids: str | Iterable[str]) -> None:
        """Remove clips; an unknown id raises KeyError, and then nothing is removed.

        The clips are marked as deleted at once. Their vectors go when a quarter of their group has been marked, or with
        :meth:`save`: the group is rebuilt then.
        """
        ids = list(dict.fromkeys([ids] if isinstance(ids, str) else ids))
        if unknown := [id for id in ids if id not in self]:
            raise KeyError(f"{unknown[0]!r} is not in the index")
        for group in self._groups.values():
            group.remove([id for id in ids if id in group.live_rows])

    def search(
        self,
        query: str | list[str] | TextEmbedding,
        k: int = 10,
        filter: Mapping[str, Any] | Callable[[dict[str, Any]], bool] | None = None,
        experts: Sequence[str] | None = None,
    ) -> Any:
        """The ``k`` best clips, best first (fewer if there are fewer).

        Parameters
        ----------
        query
            A sentence, which gives a list of :class:`Hit`; or a list of sentences, or a :class:`mee.TextEmbedding`,
            which give one such list per sentence.
        filter
            Only clips with these values in their metadata, ``{"split": "test"}``; or a function of the metadata that
            gives a bool.
        experts
            Use only these experts; the others are as if absent from every clip.

        Raises
        ------
        ValueError
            A sentence without a word that the vocabulary knows, unknown experts, or an embedding of other shapes.
        """
        used, text = validate_search(self, k, experts), encode_query(self, query)
        arrays = Query([x.numpy() for x in text.vectors.values()], (text.weights * used).numpy())
        allowed = self._allowed_metadata(filter)
        found = [self._search_group(columns, arrays, int(k), allowed) for columns in self._groups]
        hits = self._merge(found, arrays, int(k)) if found else [[] for _ in text.weights]
        return hits[0] if isinstance(query, str) else hits

    def _allowed_metadata(self, filter: Any) -> np.ndarray | None:
        """(distinct metadata,) bool: which of them ``filter`` lets through; None: all."""
        if filter is None:
            return None
        if callable(filter):
            return np.array([bool(filter(dict(m))) for m in self._metadata], bool)
        return np.array([all(key in m and m[key] == filter[key] for key in filter) for m in self._metadata], bool)

    def _search_group(
        self, columns: tuple[int, ...], query: Query, k: int, allowed: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Scores (texts, j) of a group's best ``j <= k`` clips, and their rows (texts, j), -1 where there are fewer."""
        group, weights = self._groups[columns], query.weights[:, list(columns)]
        mask = group.row_mask(allowed)
        rows = range(len(group.ids)) if mask is None else np.flatnonzero(mask)
        if not len(rows) or not weights.any():
            rows = np.tile(rows[:k], (len(weights), 1))
            return np.full(rows.shape, LAST), rows
        queries = np.concatenate([weights[:, [i]] * query.vectors[column] for i, column in enumerate(columns)], 1)
        products, rows = group.search(queries, min(k, len(rows)), mask, self.ef_search)
        return np.where(rows < 0, -np.inf, products / weights.sum(1, keepdims=True)), rows

    def _merge(self, found: list, query: Query, k: int) -> list[list[Hit]]:
        """The best ``k`` of what the groups gave, as hits."""
        scores, rows = (np.concatenate(x, 1) for x in zip(*found, strict=True))
        best = np.argsort(-scores, 1, kind="stable")[:, :k]
        scores, rows = np.take_along_axis(scores, best, 1), np.take_along_axis(rows, best, 1)
        group = np.repeat(np.arange(len(found)), [x.shape[1] for x, _ in found])[best]
        hits = np.full(best.shape, None, object)
        for i, columns in enumerate(self._groups):
            at = np.nonzero((group == i) & (rows >= 0))
            if len(at[0]):
                hits[at] = self._build_hits(columns, rows[at], scores[at], query, at[0])
        return [[hit for hit in line if hit is not None] for line in hits]

    def _build_hits(
        self, columns: tuple[int, ...], rows: np.ndarray, scores: np.ndarray, query: Query, texts: np.ndarray
    ) -> list[Hit]:
        """The clips ``rows`` of one group, each with its score for the sentence with that number in ``texts``."""
        group = self._groups[columns]
        hits = [Hit(group.ids[row], NO_EXPERT, metadata=dict(self._metadata[group.metadata_ids[row]])) for row in rows]
        used = [column for column in columns if query.weights[:, column].any()]
        if not used:
            return hits
        names = [self.experts[column] for column in used]
        vectors = dict(zip(columns, np.split(group.vectors(rows), np.cumsum(group.dims)[:-1], 1), strict=True))
        similarity = np.stack([(query.vectors[column][texts] * vectors[column]).sum(1) for column in used], 1)
        weight = query.weights[texts][:, used]
        weight = weight / weight.sum(1, keepdims=True)
        for hit, score, s, w in zip(hits, scores.tolist(), similarity.tolist(), weight.tolist(), strict=True):
            hit.score = score
            hit.similarity, hit.weight = dict(zip(names, s, strict=True)), dict(zip(names, w, strict=True))
        return hits

    def save(self, path: str | Path) -> None:
        """Write the index, with its model and vocabulary, to one HDF5 file: complete, or not at all.

        Raises
        ------
        IndexFileError
            The file cannot be written (a full disk, no permission); an older file at ``path`` stays as it was.
        ValueError
            The model is no plain :class:`mee.VideoTextMEE`.
        """
        path = Path(path)
        if self.model is not None and type(self.model) is not VideoTextMEE:
            raise ValueError(f"an index is saved with a VideoTextMEE; this one has a {type(self.model).__name__}")
        try:
            with atomic(path) as temporary:
                with new_hdf5(temporary, self._file_size()) as file:
                    self._write(file)
                seal(temporary)
        except OSError as error:
            raise IndexFileError(f"{path}: cannot be written: {error.strerror or error}") from error

    def _file_size(self) -> int:
        """Bytes that the file takes at most: HDF5 must not meet a full disk."""
        texts = [*self.ids, *self._metadata_ids, *(self.words.words if self.words else ())]
        size = 2**20 + self.nbytes + sum(4 * len(text) + 8 for text in texts)
        if self.kind == "hnsw":
            size += 300 * len(self) + 2**21
        if self.model is not None:
            size += sum(x.numel() * x.element_size() + 1024 for x in self.model.state_dict().values())
        if self.words is not None:
            size += self.words.vectors.numel() * 4
        return size

    def _write(self, file: h5py.File) -> None:
        file.attrs.update({"format": FORMAT, "version": VERSION, "kind": self.kind, "dtype": self.dtype})
        file.attrs.update({"dims": json.dumps(self.dims), "ef_search": self.ef_search})
        write_strings(file, "metadata", list(self._metadata_ids))
        for number, (columns, group) in enumerate(self._groups.items()):
            place = file.create_group(f"groups/{number:06d}")
            place.attrs["columns"] = np.array(columns, np.int64)
            group.write(place)
        if self.model is not None:
            place = file.create_group("model")
            place.attrs["config"] = json.dumps(asdict(self.model.config))
            for name, value in self.model.state_dict().items():
                place[name] = value.detach().cpu().numpy()
        if self.words is not None:
            write_strings(file, "words/word", self.words.words)
            file["words/vectors"] = self.words.vectors.cpu().numpy()

    @classmethod
    def load(cls, path: str | Path) -> ClipIndex:
        """The index that :meth:`save` wrote.

        Nothing is unpickled. The graph of an approximate index is read by FAISS, which trusts what it reads: the
        checksum finds damage, not malice, so accept such a file only from a source that you trust.

        Raises
        ------
        IndexFileError
            No such file, another format, or damage; the message names the file and the fix.
        """
        path = Path(path)
        if not path.is_file():
            raise IndexFileError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
        if not sealed(path):
            raise IndexFileError(f"{path}: damaged, incomplete, or no index: its checksum is missing or wrong")
        try:
            with h5py.File(path, "r") as file:
                if file.attrs.get("format") != FORMAT:
                    raise IndexFileError(f"{path}: not an index of this library")
                if file.attrs.get("version") != VERSION:
                    found = file.attrs.get("version")
                    raise IndexFileError(f"{path}: version {found}; this library reads {VERSION}: rebuild the index")
                return cls._read(file)
        except (IndexFileError, ImportError):
            raise
        except Exception as error:  # a file that was made by hand can hold anything
            raise IndexFileError(
                f"{path}: its parts do not fit together ({type(error).__name__}: {error}); rebuild the index"
            ) from error

    @classmethod
    def _read(cls, file: h5py.File) -> ClipIndex:
        model = words = None
        if "model" in file:
            config = json.loads(file["model"].attrs["config"])
            config["experts"] = {name: tuple(dims) for name, dims in config["experts"].items()}
            model = rebuild_model(config, {name: torch.as_tensor(x[()]) for name, x in file["model"].items()})
        if "words" in file:
            words = Words(read_strings(file, "words/word"), file["words/vectors"][()])
        index = cls(json.loads(file.attrs["dims"]), file.attrs["kind"], file.attrs["dtype"], model, words)
        index.ef_search = int(file.attrs["ef_search"])
        for key in read_strings(file, "metadata"):
            index._metadata_id(key)
        for place in file.get("groups", {}).values():
            columns = tuple(int(column) for column in place.attrs["columns"])
            if list(columns) != sorted(set(columns) & set(range(len(index.dims)))) or columns in index._groups:
                raise ValueError(f"a group of the experts {columns}")
            index._group(columns).read(place, len(index._metadata))
        return index
