"""Where an index keeps its vectors: FAISS, compared one by one or linked in a graph of neighbours (lesson 15)."""

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import h5py
import numpy as np

from mee.storage.files import read_strings, write_strings

KINDS, DTYPES = ("exact", "hnsw"), ("float32", "float16")
GRAPH_MIN = 10_000  # fewer vectors are compared one by one in an approximate index too: it is as fast
BLOCK = 16_384  # rows that are copied at a time


def import_faiss() -> Any:
    """The module ``faiss``; ImportError says how to install it."""
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            f"a ClipIndex keeps its vectors in FAISS, which cannot be imported ({error}): pip install -e '.[search]'"
        ) from error
    return faiss


def blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """``rows`` in parts of at most ``BLOCK``."""
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK]


class VectorStore:
    """Vectors of ``dim`` dimensions, numbered from 0, searched by inner product.

    Parameters
    ----------
    dim : int
    kind : "exact" or "hnsw"
        An approximate store becomes a graph (Malkov and Yashunin's HNSW) once it holds ``GRAPH_MIN`` vectors.
    dtype : "float32" or "float16"
        How the vectors are kept; queries and products are float32.
    """

    def __init__(self, dim: int, kind: str, dtype: str) -> None:
        self.dim, self.kind, self.dtype = dim, kind, dtype
        self.faiss_index = self._new_index()

    def _new_index(self, graph: str = "") -> Any:
        faiss, storage = import_faiss(), "Flat" if self.dtype == "float32" else "SQfp16"
        index = faiss.index_factory(self.dim, graph + storage, faiss.METRIC_INNER_PRODUCT)
        index.train(np.zeros((1, self.dim), np.float32))  # neither has anything to learn, but FAISS asks for it
        return index

    def __len__(self) -> int:
        return self.faiss_index.ntotal

    @property
    def is_graph(self) -> bool:
        """Whether the vectors are linked."""
        return hasattr(self.faiss_index, "hnsw")

    def add(self, vectors: np.ndarray) -> None:
        """Append ``vectors`` (rows, dim) float32."""
        self.faiss_index.add(np.ascontiguousarray(vectors))
        if self.kind == "hnsw" and not self.is_graph and len(self) >= GRAPH_MIN:
            # each vector is linked with up to 64 others; what is added later joins the graph
            flat, self.faiss_index = self.faiss_index, self._new_index("HNSW32,")
            self.faiss_index.hnsw.efConstruction = 80
            for rows in blocks(np.arange(flat.ntotal)):
                self.faiss_index.add(flat.reconstruct_batch(rows))

    def vectors(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """The vectors (rows, dim) float32 with the numbers ``rows``."""
        return self.faiss_index.reconstruct_batch(np.asarray(rows, np.int64))

    def subset(self, rows: np.ndarray) -> "VectorStore":
        """A new store of the vectors ``rows``, renumbered (a graph cannot lose single nodes)."""
        store = VectorStore(self.dim, self.kind, self.dtype)
        for part in blocks(rows):
            store.add(self.vectors(part))
        return store

    def search(
        self, queries: np.ndarray, k: int, row_mask: np.ndarray | None = None, ef_search: int = 128
    ) -> tuple[np.ndarray, np.ndarray]:
        """Inner products (queries, k), best first, and their rows (queries, k), -1 where there are no more.

        Only rows where ``row_mask`` (rows,) bool is True are found. Where the mask leaves few, a graph's vectors are
        compared one by one as well: that is faster than the walk, and finds them all.
        """
        faiss, index, options = import_faiss(), self.faiss_index, {}
        count = len(self) if row_mask is None else int(row_mask.sum())
        if row_mask is not None:
            options["sel"] = faiss.IDSelectorBitmap(np.packbits(row_mask, bitorder="little"))
        if self.is_graph and count >= max(GRAPH_MIN, len(self) // 20):
            params = faiss.SearchParametersHNSW(efSearch=max(ef_search, k), **options)
        else:
            params = faiss.SearchParameters(**options)
            index = faiss.downcast_index(index.storage) if self.is_graph else index
        return index.search(np.ascontiguousarray(queries, np.float32), min(k, count), params=params)

    def write(self, place: h5py.Group) -> None:
        """Write the graph as FAISS's own bytes (data set ``faiss``), plain vectors as ``vectors``."""
        if not self.is_graph:
            out = place.create_dataset("vectors", (len(self), self.dim), self.dtype)
            for rows in blocks(np.arange(len(self))):
                out[rows[0] : rows[-1] + 1] = self.vectors(rows)
            return
        out = place.create_dataset("faiss", (0,), np.uint8, maxshape=(None,), chunks=(2**20,))

        def append(data: bytes) -> int:
            out.resize((len(out) + len(data),))
            out[-len(data) :] = np.frombuffer(data, np.uint8)
            return len(data)

        faiss = import_faiss()
        writer = faiss.BufferedIOWriter(faiss.PyCallbackIOWriter(append), 2**22)
        faiss.write_index(self.faiss_index, writer)
        del writer  # writes what its buffer still holds

    def read(self, place: h5py.Group) -> None:
        """Read what ``write`` wrote into this empty store; ValueError for other dimensions, NaN or Inf."""
        if "faiss" in place:
            faiss, stored, position = import_faiss(), place["faiss"], 0

            def following(size: int) -> bytes:
                nonlocal position
                data = stored[position : position + size].tobytes()
                position += len(data)
                return data

            self.faiss_index = faiss.read_index(faiss.BufferedIOReader(faiss.PyCallbackIOReader(following), 2**22))
        else:
            for rows in blocks(np.arange(len(place["vectors"]))):
                vectors = place["vectors"][rows[0] : rows[-1] + 1].astype(np.float32)
                if not np.isfinite(vectors).all():
                    raise ValueError("vectors with NaN or Inf")
                self.add(vectors)
        if self.faiss_index.d != self.dim:
            raise ValueError(f"vectors of {self.faiss_index.d} dimensions instead of {self.dim}")


class ClipGroup:
    """The clips that have the same experts: their embeddings side by side in one store, their ids and metadata.

    Removed clips are marked first: their rows are in ``deleted`` until :meth:`compact` rebuilds the store.
    """

    def __init__(self, dims: Sequence[int], kind: str, dtype: str) -> None:
        self.dims, self.dim = dims, sum(dims)
        self.ids: list[str] = []  # of each row, deleted ones included
        self.live_rows: dict[str, int] = {}  # id -> row of the clips that are not deleted, in ascending order
        self.deleted: set[int] = set()
        self.metadata_ids = array("i")  # of each row
        self.store = VectorStore(self.dim, kind, dtype) if dims else None  # clips without any expert have no vectors

    def __len__(self) -> int:
        return len(self.live_rows)

    def add(self, ids: Sequence[str], vectors: np.ndarray, metadata_ids: Sequence[int]) -> None:
        """Append clips: their ids, ``vectors`` (rows, dim) float32, and the numbers of their metadata."""
        self.live_rows.update(zip(ids, range(len(self.ids), len(self.ids) + len(ids)), strict=True))
        self.ids.extend(ids)
        self.metadata_ids.extend(metadata_ids)
        if self.store is not None:
            self.store.add(vectors)

    def remove(self, ids: Sequence[str]) -> None:
        """Mark clips as deleted; when a quarter is marked, the store is rebuilt without them."""
        self.deleted.update(self.live_rows.pop(id) for id in ids)
        if 4 * len(self.deleted) > len(self.ids):
            self.compact()

    def compact(self) -> None:
        """Rebuild the store without the deleted rows."""
        rows = np.fromiter(self.live_rows.values(), np.int64, len(self))
        self.metadata_ids = array("i", np.asarray(self.metadata_ids)[rows].tobytes())
        self.ids, self.deleted = list(self.live_rows), set()
        self.live_rows = dict(zip(self.ids, range(len(self.ids)), strict=True))
        if self.store is not None:
            self.store = self.store.subset(rows)

    def row_mask(self, allowed: np.ndarray | None) -> np.ndarray | None:
        """The rows that a search may find, (rows,) bool; None: all. ``allowed`` (distinct metadata,) bool."""
        if allowed is None and not self.deleted:
            return None
        mask = np.ones(len(self.ids), bool) if allowed is None else allowed[np.asarray(self.metadata_ids)]
        mask[list(self.deleted)] = False
        return mask

    def write(self, place: h5py.Group) -> None:
        """Write the live clips: ids, numbers of metadata, and the store."""
        if self.deleted:
            self.compact()
        write_strings(place, "id", self.ids)
        place["metadata"] = np.asarray(self.metadata_ids)
        if self.store is not None:
            self.store.write(place)

    def read(self, place: h5py.Group, metadata_count: int) -> None:
        """Read what ``write`` wrote into this empty group; ValueError if its parts do not fit together."""
        self.ids = read_strings(place, "id")
        self.live_rows = dict(zip(self.ids, range(len(self.ids)), strict=True))
        numbers = place["metadata"][()].astype(np.int32)
        self.metadata_ids = array("i", numbers.tobytes())
        if self.store is not None:
            self.store.read(place)
        if len(numbers) != len(self.ids) or (self.store is not None and len(self.store) != len(self.ids)):
            raise ValueError("ids, metadata and vectors differ in number")
        if len(self.live_rows) < len(self.ids) or not ((numbers >= 0) & (numbers < metadata_count)).all():
            raise ValueError("an id twice, or metadata that the file does not hold")
