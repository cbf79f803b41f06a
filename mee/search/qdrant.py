"""Search beyond one machine's memory: the clips in Qdrant, a vector database, in a folder or on a server (lesson 16).

Each expert is a *named vector* of a clip's point; a point lacks the vectors of absent experts. A search is one request:
the sentence's embeddings, and its mixture weights as a formula over the experts' scores,

    sum_e w_e score_e  /  sum_e w_e has_e,        has_e: 1 if the point has that vector, else 0,

which is ``model.score``. With a calibration, the vectors are centred, v_e - c_e, and a point's payload has its h(v):

    sum_e w_e score_e  /  sqrt( sum_e w_e^2 s_e^2 has_e )  -  h

is the calibrated score (:mod:`mee.calibration`), and the paper's, with m_e = <t_e, c_e>, is

    sum_e ( w_e score_e + w_e m_e has_e )  /  sum_e w_e has_e.

To find clips that the formula is computed on, every expert proposes the ``depth`` clips that are most similar by that
expert alone; each proposed clip then gets the score of *every* expert that it has. So scores are exact, and a clip can
only be missed if no single expert has it among its first ``depth``.

A request is written once, as Qdrant's REST API has it. A folder is searched in this process by Qdrant's own core, the
package ``qdrant-edge-py``; a request to a server goes through Qdrant's client. Both come with
``pip install "mee[search]"``.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mee.calibration import Calibration
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

NAMESPACE = uuid.UUID("5ea4c11b-0000-4000-8000-6d65652d6964")  # points have numbers or UUIDs; ours are made from ids
HUBNESS = "hubness"  # where a point's payload has its h(v)


class QdrantIndex:
    """Clips in a Qdrant collection that sentences can find; used like :class:`mee.search.ClipIndex`.

    ``depth``: how many clips each expert proposes. With ``depth >= len(index)`` nothing can be missed.

    What :meth:`add` has returned from survives the end of this process, also a sudden one; what the power fails on may
    be lost until :meth:`optimize` or :meth:`close`.

    Parameters
    ----------
    dims
        Expert -> dimensions of its embedding.
    location
        A folder, searched in this process, which then has the folder to itself; None: one that goes with the index.
        ``"http://..."`` is a server or a cluster.
    name
        The collection's: opened if it exists, else created.
    dtype
        "float32" or "float16": how Qdrant keeps embeddings.
    model, words, calibration
        As for :class:`mee.search.ClipIndex`; they stay in this process. Clips that were added with a calibration have
        to be searched with the same one.
    api_key
        For a server that requires one.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        location: str | Path | None = None,
        name: str = "clips",
        dtype: str = "float32",
        model: VideoTextMEE | None = None,
        words: Words | None = None,
        api_key: str | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.dims = validate_dims(dims)
        self.calibration = index_calibration(self.dims, model, calibration)
        self.name, self.dtype, self.model, self.words, self.depth = name, dtype, model, words, 1000
        try:
            if str(location).startswith(("http://", "https://")):
                self.store: Any = _Server(str(location), name, api_key)
            else:
                self.store = _Folder(location, name)
        except ImportError as error:
            raise ImportError(f'Qdrant is missing ({error}): pip install "mee[search]"') from error
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        sizes = self.store.open()
        if sizes is None:
            options = {"distance": "Dot", "datatype": self.dtype}
            self.store.create({expert: {"size": dim, **options} for expert, dim in self.dims.items()})
            return
        if sizes != self.dims:
            raise ValueError(f"collection {self.name!r} exists with the vectors {sizes}, not {self.dims}")
        points = self.store.scroll({}, 1)
        if points and (HUBNESS in points[0].payload) != (self.calibration is not None):
            made, given = ("with", "none") if self.calibration is None else ("without", "one")
            raise ValueError(
                f"collection {self.name!r} was made {made} a calibration, and {given} is given: give the model that it "
                "was made with, or build it again under another name"
            )

    @property
    def experts(self) -> list[str]:
        """Names of the experts in alphabetical order, which is that of the columns of weights and masks."""
        return list(self.dims)

    def __len__(self) -> int:
        return self.store.count()

    def __contains__(self, id: str) -> bool:
        return bool(self.store.retrieve([_point(id)]))

    def close(self) -> None:
        """Close the connection; or the folder, with all that was added on the disk."""
        self.store.close()

    def optimize(self) -> None:
        """Build graphs of neighbours (HNSW) for the clips so far: searches get faster, and may miss some.

        In a folder nothing else does it. A server does it by itself, and this does nothing.
        """
        self.store.optimize()

    @classmethod
    def build(
        cls, model: VideoTextMEE, clips: Clips, clip_ids: Any = None, progress: bool = True, **options: Any
    ) -> QdrantIndex:
        """A collection of ``clips``: as :meth:`mee.search.ClipIndex.build`, with ``options`` for this class."""
        dims = {name: dim for name, (_, dim) in model.config.experts.items()}
        index = cls(dims, model=model, **{"words": clips.words, **options})
        embed_and_add(index, model, clips, clip_ids, progress=progress)
        return index

    def add(self, ids: Iterable[str], video: VideoEmbedding, metadata: Iterable[dict[str, Any]] | None = None) -> None:
        """Add clips; parameters and errors as in :meth:`mee.search.ClipIndex.add`."""
        ids, video, keys = validate_clips(self, ids, video, metadata)
        known = self.store.retrieve([_point(id) for id in ids]) if ids else []
        if known:
            raise ValueError(f"id {known[0].payload['id']!r} is in the index already")
        (vectors, hubness), points = centre(self, ids, video), []
        for i, id in enumerate(ids):
            has = zip(self.dims, video.mask[i].tolist(), strict=True)
            vector = {expert: vectors[expert][i].tolist() for expert, present in has if present}
            payload = {"id": id, "metadata": json.loads(keys[i])}
            if self.calibration is not None:
                payload[HUBNESS] = float(hubness[i])
            points.append({"id": _point(id), "vector": vector, "payload": payload})
        for start in range(0, len(points), 256):
            self.store.upsert(points[start : start + 256])

    def remove(self, ids: str | Iterable[str]) -> None:
        """Remove clips; an unknown id raises KeyError, and then nothing is removed."""
        points = {_point(id): id for id in ([ids] if isinstance(ids, str) else ids)}
        known = {str(point.id) for point in self.store.retrieve(list(points))}
        unknown = [id for point, id in points.items() if point not in known]
        if unknown:
            raise KeyError(f"{unknown[0]!r} is not in the index")
        self.store.delete(list(points))

    def search(
        self,
        query: str | list[str] | TextEmbedding,
        k: int = 10,
        filter: Mapping[str, Any] | None = None,
        experts: Sequence[str] | None = None,
        score: str | None = None,
    ) -> Any:
        """As :meth:`mee.search.ClipIndex.search`; ``filter`` is a dict (a function cannot be sent to a server)."""
        if callable(filter):
            raise ValueError("Qdrant cannot run a function: give filter as a dict")
        asked = prepare_search(self, query, k, experts, score)
        conditions = [_equals(key, value) for key, value in (filter or {}).items()]
        total = len(self)
        hits = [self._search_one(asked, i, int(k), conditions, total) for i in range(len(asked.weights))]
        return hits[0] if isinstance(query, str) else hits

    def _search_one(self, query: Query, text: int, k: int, conditions: list, total: int) -> list[Hit]:
        depth, condition = max(self.depth, k), {"must": conditions}
        used = np.flatnonzero(query.weights[text]).tolist()
        queries = {self.experts[column]: query.vectors[self.experts[column]][text].tolist() for column in used}
        params = {"exact": depth >= total}  # else a graph, where there is one
        shared = {"filter": condition, "params": params, "limit": depth}
        prefetch: list[dict] = [{"query": x, "using": name, **shared} for name, x in queries.items()]
        if depth < total:
            # whatever any expert proposes is scored by each of them; absent ones count as 0 in the formula
            limit = depth * len(queries)
            prefetch = [{"prefetch": prefetch, "query": x, "using": n, "limit": limit} for n, x in queries.items()]
        formula = {"formula": self._score(query, text, used)}
        request = {"prefetch": prefetch, "query": formula, "limit": k, "with_payload": True, "with_vector": [*queries]}
        hits = [self._hit(point, query, text, used) for point in self.store.query(request)]
        if len(hits) < k:  # clips without any of these experts come last
            without = {"must": conditions, "must_not": [{"has_vector": name} for name in queries]}
            rest = self.store.scroll(without, k - len(hits))
            hits += [Hit(point.payload["id"], query.last, metadata=point.payload["metadata"]) for point in rest]
        return hits

    def _score(self, query: Query, text: int, used: list[int]) -> dict:
        """The score as a formula: of the prefetches' scores, of the vectors that a point has, and of its payload."""
        has = [{"has_vector": self.experts[column]} for column in used]
        weights, shift, scale = (x[text, used].tolist() for x in (query.weights, query.shift, query.scale))
        numerator = [{"mult": [w, f"$score[{i}]"]} for i, w in enumerate(weights)]
        if any(shift):
            numerator += [{"mult": [w * x, a]} for w, x, a in zip(weights, shift, has, strict=True)]
        denominator: dict = {"sum": [{"mult": [x, a]} for x, a in zip(scale, has, strict=True)]}
        if query.power != 1:
            denominator = {"sqrt": denominator}
        ratio = {"div": {"left": {"sum": numerator}, "right": denominator}}
        return {"sum": [ratio, {"neg": HUBNESS}]} if query.hubness else ratio

    def _hit(self, point: Any, query: Query, text: int, used: list[int]) -> Hit:
        hit = Hit(point.payload["id"], point.score, metadata=point.payload["metadata"])
        if query.hubness:
            hit.hubness = point.payload[HUBNESS]
        vectors = point.vector or {}
        has = [column for column in used if self.experts[column] in vectors]
        names = [self.experts[column] for column in has]
        products = [query.vectors[name][text] @ np.array(vectors[name], np.float32) for name in names]
        explain([hit], query, [text], has, np.array([products]))
        return hit


class _Folder:
    """Qdrant's core in this process, on the disk; requests are those of the REST API."""

    def __init__(self, location: str | Path | None, name: str) -> None:
        import qdrant_edge

        self.edge: Any = qdrant_edge
        self.temporary = tempfile.TemporaryDirectory() if location is None else None
        self.path = Path(self.temporary.name if self.temporary else str(location)) / name
        self.shard: Any = None

    def open(self) -> dict[str, int] | None:
        config = self.path / "edge_config.json"
        if not config.exists():
            return None
        self.shard = self.edge.EdgeShard.load(str(self.path))
        vectors = json.loads(config.read_text(encoding="utf-8"))["vectors"]
        return {name: vector["size"] for name, vector in vectors.items()}

    def create(self, vectors: dict[str, dict]) -> None:
        e = self.edge
        self.path.mkdir(parents=True, exist_ok=True)
        config = {}
        for name, x in vectors.items():
            datatype = getattr(e.VectorStorageDatatype, x["datatype"].title())
            config[name] = e.EdgeVectorParams(x["size"], getattr(e.Distance, x["distance"]), datatype=datatype)
        self.shard = e.EdgeShard.create(str(self.path), e.EdgeConfig(config))
        self.shard.update(e.UpdateOperation.create_field_index(HUBNESS, e.PayloadSchemaType.Float))

    def count(self) -> int:
        return self.shard.count(self.edge.CountRequest(exact=True))

    def retrieve(self, ids: list[str]) -> list:
        return self.shard.retrieve(ids, with_payload=True, with_vector=False)

    def upsert(self, points: list[dict]) -> None:
        self.shard.update(self.edge.UpdateOperation.upsert_points([self.edge.Point(**point) for point in points]))

    def delete(self, ids: list[str]) -> None:
        self.shard.update(self.edge.UpdateOperation.delete_points(ids))

    def query(self, request: dict) -> list:
        return self.shard.query(self.edge.QueryRequest(**self._stage(request)))

    def scroll(self, filter: dict, limit: int) -> list:
        request = self.edge.ScrollRequest(limit=limit, filter=self._filter(filter), with_payload=True)
        return self.shard.scroll(request)[0]

    def optimize(self) -> None:
        self.shard.optimize()
        self.shard.flush()

    def close(self) -> None:
        if self.shard is not None:
            self.shard.close()
        if self.temporary is not None:
            self.temporary.cleanup()

    def _stage(self, x: dict) -> dict:
        """The arguments of a query or of one of its prefetches."""
        e, kept = self.edge, {key: x[key] for key in ("limit", "with_payload", "with_vector") if key in x}
        if isinstance(x["query"], dict):
            kept["query"] = e.Formula(self._expression(x["query"]["formula"]))
        else:
            kept["query"] = e.Query.Nearest(x["query"], using=x["using"])
        if "prefetch" in x:
            kept["prefetches"] = [e.Prefetch(**self._stage(prefetch)) for prefetch in x["prefetch"]]
        if "filter" in x:
            kept["filter"] = self._filter(x["filter"])
        if "params" in x:
            kept["params"] = e.SearchParams(**x["params"])
        return kept

    def _expression(self, x: Any) -> Any:
        e = self.edge.Expression
        if isinstance(x, str | float):
            return e.Variable(x) if isinstance(x, str) else e.Constant(x)
        (kind, of), *_ = x.items()
        if kind == "has_vector":
            return e.Condition(self._condition(x))
        if kind == "div":
            return e.Div(self._expression(of["left"]), self._expression(of["right"]), None)
        build = getattr(e, kind.title())
        return build([self._expression(y) for y in of]) if isinstance(of, list) else build(self._expression(of))

    def _filter(self, x: dict) -> Any:
        return self.edge.Filter(**{key: [self._condition(y) for y in conditions] for key, conditions in x.items()})

    def _condition(self, x: dict) -> Any:
        e = self.edge
        if "has_vector" in x:
            return e.HasVectorCondition(x["has_vector"])
        if "range" in x:
            return e.FieldCondition(x["key"], range=e.RangeFloat(**x["range"]))
        return e.FieldCondition(x["key"], match=e.MatchValue(x["match"]["value"]))


class _Server:
    """The same by HTTP, through Qdrant's client."""

    def __init__(self, url: str, name: str, api_key: str | None) -> None:
        from qdrant_client import QdrantClient, models

        self.client: Any = QdrantClient(url=url, api_key=api_key)
        self.models: Any = models
        self.name = name

    def open(self) -> dict[str, int] | None:
        if not self.client.collection_exists(self.name):
            return None
        vectors = self.client.get_collection(self.name).config.params.vectors
        return {name: x.size for name, x in vectors.items()} if isinstance(vectors, dict) else {"": vectors.size}

    def create(self, vectors: dict[str, dict]) -> None:
        config = {name: self.models.VectorParams(**x) for name, x in vectors.items()}
        self.client.create_collection(self.name, vectors_config=config)
        self.client.create_payload_index(self.name, HUBNESS, self.models.PayloadSchemaType.FLOAT)

    def count(self) -> int:
        return self.client.count(self.name, exact=True).count

    def retrieve(self, ids: list[str]) -> list:
        return self.client.retrieve(self.name, ids, with_payload=True)

    def upsert(self, points: list[dict]) -> None:
        self.client.upsert(self.name, [self.models.PointStruct(**point) for point in points], wait=True)

    def delete(self, ids: list[str]) -> None:
        self.client.delete(self.name, points_selector=ids, wait=True)

    def query(self, request: dict) -> list:
        x = self.models.QueryRequest(**request)
        stages = {"prefetch": x.prefetch, "query": x.query}
        kept = {"limit": x.limit, "with_payload": x.with_payload, "with_vectors": x.with_vector}
        return self.client.query_points(self.name, **stages, **kept).points

    def scroll(self, filter: dict, limit: int) -> list:
        return self.client.scroll(self.name, self.models.Filter(**filter), limit=limit)[0]

    def optimize(self) -> None:
        pass

    def close(self) -> None:
        self.client.close()


def _equals(key: str, value: Any) -> dict:
    """The condition that a clip's metadata has this value; the key is quoted, so that it can hold dots."""
    if '"' in key or not key:
        raise ValueError(f"{key!r} cannot be the name of a value in Qdrant")
    test = {"range": {"gte": value, "lte": value}} if isinstance(value, float) else {"match": {"value": value}}
    return {"key": f'metadata."{key}"', **test}


def _point(id: str) -> str:
    return str(uuid.uuid5(NAMESPACE, id))
