"""Search beyond one machine: the clips in Qdrant, a vector database, embedded or on a server (lesson 16).

Each expert is a *named vector* of a clip's point; a point lacks the vectors of absent experts. A search is one request:
the sentence's embeddings, and its mixture weights as a formula over the experts' scores,

    sum_e w_e score_e  /  sum_e w_e has_e,        has_e: 0 or 1, in the point's payload,

which is ``model.score``. With a calibration, the vectors are centred, v_e - c_e, and a point's payload has its h(v):

    sum_e w_e score_e  /  sqrt( sum_e w_e^2 s_e^2 has_e )  -  h

is the calibrated score (:mod:`mee.calibration`), and the paper's, with m_e = <t_e, c_e>, is

    sum_e ( w_e score_e + w_e m_e has_e )  /  sum_e w_e has_e.

To find clips that the formula is computed on, every expert proposes the ``depth`` clips that are most similar by that
expert alone; each proposed clip then gets the score of *every* expert that it has. So scores are exact, and a clip can
only be missed if no single expert has it among its first ``depth``.

Qdrant's client is optional: ``pip install -e '.[search]'``.
"""

from __future__ import annotations

import json
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

    Parameters
    ----------
    dims
        Expert -> dimensions of its embedding.
    location
        ``":memory:"`` and a folder run embedded in this process, to try it out: it compares with every clip, in Python.
        ``"http://..."`` is a server or a cluster; the code is the same. (In a folder, the embedded mode pickles what it
        keeps: open no folder from a source that you do not trust.)
    name
        The collection's: opened if it exists, else created.
    dtype
        "float32" or "float16": how a server keeps embeddings (the embedded mode always keeps float32).
    model, words, calibration
        As for :class:`mee.search.ClipIndex`; they stay in this process. Clips that were added with a calibration have
        to be searched with the same one.
    api_key
        For a server that requires one.

    ``depth``: how many clips each expert proposes. With ``depth >= len(index)`` nothing can be missed.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        location: str | Path = ":memory:",
        name: str = "clips",
        dtype: str = "float32",
        model: VideoTextMEE | None = None,
        words: Words | None = None,
        api_key: str | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        try:
            from qdrant_client import QdrantClient, models
        except ImportError as error:
            raise ImportError("Qdrant's client is missing: pip install -e '.[search]', or qdrant-client") from error
        self.dims = validate_dims(dims)
        self.calibration = index_calibration(self.dims, model, calibration)
        self.name, self.dtype, self.model, self.words, self.depth = name, dtype, model, words, 1000
        self.models: Any = models
        location = str(location)
        remote = location.startswith(("http://", "https://"))
        place: dict[str, Any] = {"url" if remote else "location" if location == ":memory:" else "path": location}
        self.client: Any = QdrantClient(**place, api_key=api_key)
        try:
            self._open(remote)
        except BaseException:
            self.client.close()
            raise

    def _open(self, remote: bool) -> None:
        m = self.models
        if not self.client.collection_exists(self.name):
            options = {"distance": m.Distance.DOT, "datatype": m.Datatype(self.dtype)}
            vectors = {expert: m.VectorParams(size=dim, **options) for expert, dim in self.dims.items()}
            self.client.create_collection(self.name, vectors_config=vectors)
            for expert in self.dims if remote else ():  # the embedded mode has no payload indices
                self.client.create_payload_index(self.name, _path("has", expert), m.PayloadSchemaType.INTEGER)
            if remote and self.calibration is not None:
                self.client.create_payload_index(self.name, HUBNESS, m.PayloadSchemaType.FLOAT)
            return
        vectors = self.client.get_collection(self.name).config.params.vectors
        sizes = {expert: params.size for expert, params in vectors.items()} if isinstance(vectors, dict) else vectors
        if sizes != self.dims:
            raise ValueError(f"collection {self.name!r} exists with the vectors {sizes}, not {self.dims}")
        points, _ = self.client.scroll(self.name, limit=1)
        if points and (HUBNESS in points[0].payload) != (self.calibration is not None):
            made, given = ("with", "none") if self.calibration is None else ("without", "one")
            raise ValueError(
                f"collection {self.name!r} was made {made} a calibration, and {given} is given: give the model that it "
                "was made with, or build it again under another name"
            )

    @property
    def experts(self) -> list[str]:
        """The experts' names, alphabetically: the columns of weights and masks."""
        return list(self.dims)

    def __len__(self) -> int:
        return self.client.count(self.name, exact=True).count

    def __contains__(self, id: str) -> bool:
        return bool(self.client.retrieve(self.name, [_point(id)], with_payload=False))

    def close(self) -> None:
        """Close the connection, or the folder."""
        self.client.close()

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
        known = self.client.retrieve(self.name, [_point(id) for id in ids], with_payload=True) if ids else []
        if known:
            raise ValueError(f"id {known[0].payload['id']!r} is in the index already")
        (vectors, hubness), points = centre(self, ids, video), []
        for i, id in enumerate(ids):
            has = dict(zip(self.dims, video.mask[i].int().tolist(), strict=True))
            vector = {expert: vectors[expert][i].tolist() for expert in self.dims if has[expert]}
            payload = {"id": id, "has": has, "metadata": json.loads(keys[i])}
            if self.calibration is not None:
                payload[HUBNESS] = float(hubness[i])
            points.append(self.models.PointStruct(id=_point(id), vector=vector, payload=payload))
        for start in range(0, len(points), 256):
            self.client.upsert(self.name, points[start : start + 256], wait=True)

    def remove(self, ids: str | Iterable[str]) -> None:
        """Remove clips; an unknown id raises KeyError, and then nothing is removed."""
        points = {_point(id): id for id in ([ids] if isinstance(ids, str) else ids)}
        known = {point.id for point in self.client.retrieve(self.name, list(points), with_payload=False)}
        unknown = [id for point, id in points.items() if point not in known]
        if unknown:
            raise KeyError(f"{unknown[0]!r} is not in the index")
        self.client.delete(self.name, points_selector=list(points), wait=True)

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
        conditions = [self._equals(_path("metadata", key), value) for key, value in (filter or {}).items()]
        total = len(self)
        hits = [self._search_one(asked, i, int(k), conditions, total) for i in range(len(asked.weights))]
        return hits[0] if isinstance(query, str) else hits

    def _search_one(self, query: Query, text: int, k: int, conditions: list, total: int) -> list[Hit]:
        m, depth = self.models, max(self.depth, k)
        condition = m.Filter(must=conditions) if conditions else None
        used = np.flatnonzero(query.weights[text]).tolist()
        queries = {self.experts[column]: query.vectors[self.experts[column]][text].tolist() for column in used}
        # the condition goes with each stage: an embedded Qdrant does not pass the last stage's on
        prefetch = [m.Prefetch(query=x, using=n, filter=condition, limit=depth) for n, x in queries.items()]
        if depth < total:
            # whatever any expert proposes is scored by each of them; absent ones count as 0 in the formula
            limit = depth * len(queries)
            prefetch = [m.Prefetch(prefetch=prefetch, query=x, using=n, limit=limit) for n, x in queries.items()]
        points = self.client.query_points(
            self.name,
            prefetch=prefetch,
            query=m.FormulaQuery(formula=self._score(query, text, used)),
            query_filter=condition,
            limit=k,
            with_payload=True,
            with_vectors=list(queries),
        ).points
        hits = [self._hit(point, query, text, used) for point in points]
        if len(hits) < k:  # clips without any of these experts come last
            without = [self._equals(_path("has", name), 0) for name in queries]
            rest, _ = self.client.scroll(self.name, m.Filter(must=conditions + without), limit=k - len(hits))
            hits += [Hit(point.payload["id"], query.last, metadata=point.payload["metadata"]) for point in rest]
        return hits

    def _score(self, query: Query, text: int, used: list[int]) -> Any:
        """The score as a formula: of the prefetches' scores, and of what the payload has."""
        m, has = self.models, [_path("has", self.experts[column]) for column in used]
        weights, shift, scale = (x[text, used].tolist() for x in (query.weights, query.shift, query.scale))
        numerator = [m.MultExpression(mult=[w, f"$score[{i}]"]) for i, w in enumerate(weights)]
        if any(shift):
            numerator += [m.MultExpression(mult=[w * x, a]) for w, x, a in zip(weights, shift, has, strict=True)]
        denominator = m.SumExpression(sum=[m.MultExpression(mult=[x, a]) for x, a in zip(scale, has, strict=True)])
        if query.power != 1:
            denominator = m.SqrtExpression(sqrt=denominator)
        ratio = m.DivExpression(div=m.DivParams(left=m.SumExpression(sum=numerator), right=denominator))
        return m.SumExpression(sum=[ratio, m.NegExpression(neg=HUBNESS)]) if query.hubness else ratio

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

    def _equals(self, path: str, value: Any) -> Any:
        m = self.models
        if isinstance(value, float):
            return m.FieldCondition(key=path, range=m.Range(gte=value, lte=value))
        return m.FieldCondition(key=path, match=m.MatchValue(value=value))


def _point(id: str) -> str:
    return str(uuid.uuid5(NAMESPACE, id))


def _path(head: str, key: str) -> str:
    """The place of a value in a payload; the key is quoted, so that it can hold dots."""
    if '"' in key or not key:
        raise ValueError(f"{key!r} cannot be the name of a value in Qdrant")
    return f'{head}."{key}"'
