"""Search: a trained model and its clips as an index that answers sentences (lessons 15 and 16).

The score of MEE is a weighted mean over the experts that a clip has,

    s(t, v) = sum_e a_e(v) w_e(t) <t_e, v_e>  /  sum_e a_e(v) w_e(t),        a_e(v) = 1 if clip v has expert e, else 0.

The numerator is one inner product: of the query (w_e t_e, the experts concatenated) with the clip (v_e concatenated).
The denominator depends on the sentence and on *which* experts the clip has, its pattern, and on nothing else of the
clip. So clips are grouped by pattern. Inside a group the denominator is one positive number, and the order by score is
the order by inner product, for which there are fast and well tested indices (FAISS). Each group gives its best k, their
products are divided by the group's denominator, and the lists are merged: no clip outside a group's best k can be among
the best k of all, so the result is the order of ``model.score``. With n experts there are at most 2^n groups.
An expert that a search leaves out has weight 0 in numerator and denominator; nothing is rebuilt for it.

The calibrated score (:mod:`mee.calibration`) has the same form. With D^2 = sum_e a_e(v) w_e(t)^2 s_e(t)^2, it is

    sum_e a_e(v) w_e(t) <t_e, v_e - c_e>  /  D  -  h(v)  =  ( sum_e a_e(v) w_e(t) <t_e, v_e - c_e>  -  D h(v) )  /  D,

and D depends on sentence and pattern alone. So an index with a calibration keeps centred embeddings, v_e - c_e, and
h(v) as one more dimension; the query is (w_e t_e, -D) there. The paper's score comes from the same vectors: the query
is (w_e t_e, 0), and sum_e a_e(v) w_e(t) m_e(t), where m_e(t) = <t_e, c_e>, is added to all products of a group.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from mee.calibration import LAST, Calibration
from mee.data import Clips, Words
from mee.model import TextEmbedding, VideoEmbedding, VideoTextMEE
from mee.search.common import (
    Hit,
    Query,
    centre,
    embed_and_add,
    explain,
    index_calibration,
    prepare_search,
    validate_clips,
    validate_dims,
)
from mee.search.stores import DTYPES, KINDS, ClipGroup, import_faiss
from mee.storage.checkpoint import rebuild_model
from mee.storage.files import atomic, new_hdf5, read_strings, seal, sealed, write_strings

FORMAT, VERSION = "mee-index", 3


class IndexFileError(ValueError):
    """An index file that cannot be used; the message names the file, what is wrong, and the fix."""


class ClipIndex:
    """Clips that sentences can find, in this process's memory.

    ``len(index)``, ``index.ids`` (list of str, those with the same experts together), ``"id" in index``.

    Parameters
    ----------
    dims
        Expert -> dimensions of its embedding.
    kind
        "exact" compares with every clip. "hnsw" walks a graph of neighbours: much faster, but it takes long to build,
        needs some 300 bytes more per clip, and now and then misses one. ``ef_search`` is how many candidates the walk
        keeps: more candidates find more, and take longer.
    dtype
        "float32" or "float16", which halves the vectors of either kind.
    model, words
        What turns sentences into embeddings; without them only a :class:`mee.TextEmbedding` can be searched for.
    calibration
        For the calibrated score (default: the model's, if it has one). ``index.calibration`` stays the same from then
        on, whatever the model gets: the clips are centred by it. Without one, the index gives the paper's score.

    Raises
    ------
    ImportError
        FAISS is missing: ``pip install "mee[search]"``.
    ValueError
        An unknown kind or dtype, no dimensions, or a calibration of other experts.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        kind: str = "exact",
        dtype: str = "float32",
        model: VideoTextMEE | None = None,
        words: Words | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        if kind not in KINDS or dtype not in DTYPES:
            raise ValueError(f"kind must be one of {KINDS} and dtype one of {DTYPES}; got {kind!r}, {dtype!r}")
        self.dims = validate_dims(dims)
        import_faiss()  # if it is missing, say so now
        self.kind, self.dtype, self.model, self.words = kind, dtype, model, words
        self.calibration = index_calibration(self.dims, model, calibration)
        self.ef_search = 128
        self._groups: dict[tuple[int, ...], ClipGroup] = {}  # pattern, as columns of the mask -> its clips
        self._metadata_ids: dict[str, int] = {}  # distinct metadata as JSON -> number, in the order of _metadata
        self._metadata: list[dict[str, Any]] = []  # clips hold numbers into this list: those of a split share a dict

    @property
    def experts(self) -> list[str]:
        """Names of the experts in alphabetical order, which is that of the columns of weights and masks."""
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
        """An index of ``clips``, embedded ``chunk`` clips at a time, so the file may be larger than memory.

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
            dims = [self.dims[self.experts[column]] for column in columns]
            hubness = [1] if columns and self.calibration is not None else []
            self._groups[columns] = ClipGroup(dims + hubness, self.kind, self.dtype)
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
        ids, video, keys = validate_clips(self, ids, video, metadata)
        if known := [id for id in ids if id in self]:
            raise ValueError(f"id {known[0]!r} is in the index already")
        (vectors, hubness), mask = centre(self, ids, video), video.mask
        numbers = [self._metadata_id(key) for key in keys]
        patterns, inverse = mask.unique(dim=0, return_inverse=True) if len(ids) else (mask, mask)
        for i, pattern in enumerate(patterns):
            columns = tuple(pattern.nonzero()[:, 0].tolist())
            rows = (inverse == i).nonzero()[:, 0].tolist()
            group = self._group(columns)
            parts = [vectors[self.experts[column]][rows] for column in columns] + [hubness[rows, None]]
            x = torch.cat(parts, 1)[:, : group.dim]  # without a calibration, or any expert, hubness is not kept
            group.add([ids[j] for j in rows], x.numpy(), [numbers[j] for j in rows])

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
        score: str | None = None,
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
            Use only these experts; the others are as if absent from every clip. If that leaves an expert out, the
            calibrated score is z over those used: h(v), which belongs to all experts of the clip, is left out too.
        score
            "calibrated" or "paper" (default: calibrated, if the index has a calibration). One index gives both.

        Raises
        ------
        ValueError
            A sentence without a word that the vocabulary knows, unknown experts, an embedding of other shapes, or the
            calibrated score of an index without a calibration.
        """
        asked, allowed = prepare_search(self, query, k, experts, score), self._allowed_metadata(filter)
        found = [self._search_group(columns, asked, int(k), allowed) for columns in self._groups]
        hits = self._merge(found, asked, int(k)) if found else [[] for _ in asked.weights]
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
        group, weights = self._groups[columns], query.weights[:, columns]
        mask = group.row_mask(allowed)
        rows = range(len(group.ids)) if mask is None else np.flatnonzero(mask)
        if not len(rows) or not weights.any():
            rows = np.tile(rows[:k], (len(weights), 1))
            return np.full(rows.shape, LAST, np.float32), rows  # below all other scores, the paper's too
        denominator = query.denominator(columns)
        parts = [weights[:, [i]] * query.vectors[self.experts[column]] for i, column in enumerate(columns)]
        if self.calibration is not None:
            parts.append(-denominator * query.hubness)
        products, rows = group.search(np.concatenate(parts, 1), min(k, len(rows)), mask, self.ef_search)
        products[rows < 0] = -np.inf
        return (products + (weights * query.shift[:, columns]).sum(1, keepdims=True)) / denominator, rows

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
        hits = [Hit(group.ids[row], query.last, metadata=dict(self._metadata[group.metadata_ids[row]])) for row in rows]
        used = [column for column in columns if query.weights[:, column].any()]
        if not used:
            return hits
        vectors = np.split(group.vectors(rows), np.cumsum(group.dims)[:-1], 1)
        products = [(query.vectors[self.experts[c]][texts] * vectors[columns.index(c)]).sum(1) for c in used]
        explain(hits, query, texts, used, np.stack(products, 1))
        hubness = vectors[-1][:, 0] if query.hubness else np.zeros(len(rows))
        for hit, score, h in zip(hits, scores.tolist(), hubness.tolist(), strict=True):
            hit.score, hit.hubness = score, h
        return hits

    def save(self, path: str | Path) -> None:
        """Write the index, with its model, vocabulary and calibration, to one HDF5 file: complete, or not at all.

        The model is saved with the index's calibration, whether it has that one, another one or none.

        Raises
        ------
        IndexFileError
            The file cannot be written (a full disk, no permission); an older file at ``path`` stays as it was.
        ValueError
            The model is not a plain :class:`mee.VideoTextMEE`.
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
        """Bytes that the file takes at most: HDF5 must not run into a full disk."""
        texts = [*self.ids, *self._metadata_ids, *(self.words.words if self.words else ())]
        size = 2**20 + self.nbytes + sum(4 * len(text) + 8 for text in texts)
        if self.kind == "hnsw":
            size += 300 * len(self) + 2**21
        for module in filter(None, (self.model, self.calibration)):
            size += sum(x.numel() * x.element_size() + 1024 for x in module.state_dict().values())
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
            file.create_group("model").attrs["config"] = json.dumps(asdict(self.model.config))
        for part, module in (("model", self.model), ("calibration", self.calibration)):
            for name, value in module.state_dict().items() if module is not None else ():
                if not name.startswith("calibration."):
                    file[f"{part}/{name}"] = value.detach().cpu().numpy()
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
            raise IndexFileError(f"{path}: damaged, incomplete, or not an index: its checksum is missing or wrong")
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
        model = words = calibration = None
        if "calibration" in file:
            calibration = Calibration.from_state(_state(file["calibration"]))
        if "model" in file:
            config = json.loads(file["model"].attrs["config"])
            config["experts"] = {name: tuple(dims) for name, dims in config["experts"].items()}
            model = rebuild_model(config, _state(file["model"]))
            model.calibration = calibration
        if "words" in file:
            words = Words(read_strings(file, "words/word"), file["words/vectors"][()])
        index = cls(json.loads(file.attrs["dims"]), file.attrs["kind"], file.attrs["dtype"], model, words, calibration)
        index.ef_search = int(file.attrs["ef_search"])
        for key in read_strings(file, "metadata"):
            index._metadata_id(key)
        for place in file.get("groups", {}).values():
            columns = tuple(int(column) for column in place.attrs["columns"])
            if list(columns) != sorted(set(columns) & set(range(len(index.dims)))) or columns in index._groups:
                raise ValueError(f"a group of the experts {columns}")
            index._group(columns).read(place, len(index._metadata))
        return index


def _state(place: h5py.Group) -> dict[str, torch.Tensor]:
    """The ``state_dict()`` that a group of a file holds."""
    return {name: torch.as_tensor(value[()]) for name, value in place.items()}
