"""Where an index keeps its clips: in FAISS, compared one by one or linked in a graph of neighbours (lesson 16)."""

from array import array
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np

from mee.storage.files import read_strings, write_strings

KINDS, DTYPES = ("exact", "hnsw"), ("float32", "float16")
GRAPH_MIN = 10_000  # fewer vectors are compared one by one even in an approximate index: that is as fast
BLOCK = 16_384  # rows that are copied at a time


def import_faiss() -> Any:
    """The module ``faiss``; ImportError says how to install it."""
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            f'a ClipIndex keeps its vectors in FAISS, which cannot be imported ({error}): pip install "mee[search]"'
        ) from error
    return faiss


class ClipGroup:
    """The clips that have the same experts: their embeddings side by side in a FAISS index, their ids and metadata.

    ``kind`` and ``dtype`` are those of :class:`mee.search.ClipIndex`: "hnsw" is a graph (Malkov and Yashunin's) once it
    holds ``GRAPH_MIN`` vectors. Removed clips are marked as ``deleted`` until :meth:`compact` drops their rows.
    """

    def __init__(self, dims: Sequence[int], kind: str, dtype: str) -> None:
        self.dims, self.dim, self.kind, self.dtype = dims, sum(dims), kind, dtype
        self.ids: list[str] = []  # of each row, deleted ones included
        self.live_rows: dict[str, int] = {}  # id -> row of the clips that are not deleted, in ascending order
        self.deleted: set[int] = set()
        self.metadata_ids = array("i")  # of each row
        self.faiss_index: Any = self._new_faiss_index() if dims else None  # clips without any expert have no vectors

    def __len__(self) -> int:
        return len(self.live_rows)

    @property
    def is_graph(self) -> bool:
        """Whether the vectors are linked."""
        return hasattr(self.faiss_index, "hnsw")

    def _new_faiss_index(self, graph: bool = False) -> Any:
        faiss, storage = import_faiss(), "Flat" if self.dtype == "float32" else "SQfp16"
        # a vector of the graph is linked with up to 64 others
        index = faiss.index_factory(self.dim, "HNSW32," * graph + storage, faiss.METRIC_INNER_PRODUCT)
        if graph:
            index.hnsw.efConstruction = 80
        index.train(np.zeros((1, self.dim), np.float32))  # neither kind has anything to learn, but FAISS insists on it
        return index

    def _rebuild(self, rows: np.ndarray) -> None:
        """A new FAISS index of the vectors ``rows``: a graph cannot lose single nodes, or begin with many."""
        graph = self.kind == "hnsw" and len(rows) >= GRAPH_MIN
        old, self.faiss_index = self.faiss_index, self._new_faiss_index(graph)
        for start in range(0, len(rows), BLOCK):
            self.faiss_index.add(old.reconstruct_batch(rows[start : start + BLOCK]))

    def add(self, ids: Sequence[str], vectors: np.ndarray, metadata_ids: Sequence[int]) -> None:
        """Append clips: their ids, ``vectors`` (rows, dim) float32, and the numbers of their metadata."""
        self.live_rows.update(zip(ids, range(len(self.ids), len(self.ids) + len(ids)), strict=True))
        self.ids.extend(ids)
        self.metadata_ids.extend(metadata_ids)
        self._add_vectors(vectors)

    def _add_vectors(self, vectors: np.ndarray) -> None:
        if self.faiss_index is not None:
            self.faiss_index.add(np.ascontiguousarray(vectors))
            if self.kind == "hnsw" and not self.is_graph and self.faiss_index.ntotal >= GRAPH_MIN:
                self._rebuild(np.arange(self.faiss_index.ntotal))

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """The vectors (rows, dim) float32 with the numbers ``rows``."""
        return self.faiss_index.reconstruct_batch(np.asarray(rows, np.int64))

    def remove(self, ids: Sequence[str]) -> None:
        """Mark clips as deleted; when a quarter is marked, their rows are dropped."""
        self.deleted.update(self.live_rows.pop(id) for id in ids)
        if 4 * len(self.deleted) > len(self.ids):
            self.compact()

    def compact(self) -> None:
        """Drop the deleted rows."""
        rows = np.fromiter(self.live_rows.values(), np.int64, len(self))
        self.metadata_ids = array("i", np.asarray(self.metadata_ids)[rows].tobytes())
        self.ids, self.deleted = list(self.live_rows), set()
        self.live_rows = dict(zip(self.ids, range(len(self.ids)), strict=True))
        if self.faiss_index is not None:
            self._rebuild(rows)

    def row_mask(self, allowed: np.ndarray | None) -> np.ndarray | None:
        """The rows that a search may find, (rows,) bool; None: all. ``allowed`` (distinct metadata,) bool."""
        if allowed is None and not self.deleted:
            return None
        mask = np.ones(len(self.ids), bool) if allowed is None else allowed[np.asarray(self.metadata_ids)]
        mask[list(self.deleted)] = False
        return mask

    def search(
        self, queries: np.ndarray, k: int, row_mask: np.ndarray | None, ef_search: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Inner products (queries, k), best first, and their rows (queries, k), -1 where there are no more.

        Only rows where ``row_mask`` (rows,) bool is True are found. Where the mask leaves few, a graph's vectors are
        compared one by one as well: that is faster than the walk, and finds them all.
        """
        faiss, index, options = import_faiss(), self.faiss_index, {}
        if row_mask is not None:
            options["sel"] = faiss.IDSelectorBitmap(np.packbits(row_mask, bitorder="little"))
        count = index.ntotal if row_mask is None else int(row_mask.sum())
        if self.is_graph and count >= max(GRAPH_MIN, index.ntotal // 20):
            params = faiss.SearchParametersHNSW(efSearch=max(ef_search, k), **options)
        else:
            params = faiss.SearchParameters(**options)
            index = faiss.downcast_index(index.storage) if self.is_graph else index
        return index.search(queries, k, params=params)

    def write(self, place: h5py.Group) -> None:
        """Write the live clips: ids, numbers of metadata, and vectors; a graph as FAISS's own bytes."""
        if self.deleted:
            self.compact()
        write_strings(place, "id", self.ids)
        place["metadata"] = np.asarray(self.metadata_ids)
        if self.is_graph:
            faiss, out = (
                import_faiss(),
                place.create_dataset("faiss", (0,), np.uint8, maxshape=(None,), chunks=(2**20,)),
            )

            def append(data: bytes) -> int:
                out.resize((len(out) + len(data),))
                out[-len(data) :] = np.frombuffer(data, np.uint8)
                return len(data)

            writer = faiss.BufferedIOWriter(faiss.PyCallbackIOWriter(append), 2**22)
            faiss.write_index(self.faiss_index, writer)
            del writer  # writes what its buffer still holds
        elif self.faiss_index is not None:
            out = place.create_dataset("vectors", (len(self), self.dim), self.dtype)
            for start in range(0, len(self), BLOCK):
                rows = np.arange(start, min(start + BLOCK, len(self)))
                out[start : start + BLOCK] = self.vectors(rows)

    def read(self, place: h5py.Group, metadata_count: int) -> None:
        """Read what ``write`` wrote into this empty group; ValueError if the parts do not fit together."""
        self.ids = read_strings(place, "id")
        self.live_rows = dict(zip(self.ids, range(len(self.ids)), strict=True))
        numbers = place["metadata"][()].astype(np.int32)
        self.metadata_ids = array("i", numbers.tobytes())
        if len(self.live_rows) < len(self.ids) or not ((numbers >= 0) & (numbers < metadata_count)).all():
            raise ValueError("an id twice, or metadata that the file does not hold")
        if len(numbers) != len(self.ids):
            raise ValueError("ids and metadata differ in number")
        if self.faiss_index is None:
            return
        if "faiss" in place:
            faiss, stored, position = import_faiss(), place["faiss"], 0

            def following(size: int) -> bytes:
                nonlocal position
                data = stored[position : position + size].tobytes()
                position += len(data)
                return data

            self.faiss_index = faiss.read_index(faiss.BufferedIOReader(faiss.PyCallbackIOReader(following), 2**22))
        else:
            for start in range(0, len(place["vectors"]), BLOCK):
                vectors = place["vectors"][start : start + BLOCK].astype(np.float32)
                if not np.isfinite(vectors).all():
                    raise ValueError("vectors with NaN or Inf")
                self._add_vectors(vectors)
        if (self.faiss_index.ntotal, self.faiss_index.d) != (len(self.ids), self.dim):
            raise ValueError(
                f"{self.faiss_index.ntotal} vectors of {self.faiss_index.d} dimensions; "
                f"expected {len(self.ids)} of {self.dim}"
            )
