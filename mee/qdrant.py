"""Search where one machine ends: the clips in Qdrant, a vector database, embedded or on a server (lesson 15).

Each expert is a *named vector* of a clip's point; an absent expert is a vector that the point does not have. A query
goes there in one request, and so do its mixture weights, as a formula over the experts' scores,

    sum_e w_e score_e  /  sum_e w_e has_e,        has_e: 0 or 1, in the point's payload,

which is ``model.score``. To find clips for it to be computed on, every expert proposes the ``depth`` clips that are
most similar by it alone; each of those then gets the score of *every* expert that it has. So the scores are exact, and
a clip can only be missed if no single expert has it among its first ``depth``.

``location`` says where: ``":memory:"`` (the default) and a folder run embedded in this process, which is for trying it
out: it compares with every clip, in Python. ``"http://..."`` is a server or a cluster; the code is the same. The tests
here run embedded.

Qdrant's client is optional: ``pip install -e '.[search]'``.
"""

import json
import uuid

import numpy as np
import torch
from tqdm.auto import tqdm

from mee.model import NO_EXPERT
from mee.search import Hit, asked, embedded, offered

NAMESPACE = uuid.UUID("5ea4c11b-0000-4000-8000-6d65652d6964")  # points have numbers or UUIDs; ours are made from ids


class QdrantIndex:
    """Clips in a Qdrant collection, to be found by sentences; used as :class:`mee.search.ClipIndex`.

    dims      expert -> dimensions of its embedding
    location  ``":memory:"``, a folder, or the URL of a server. (In a folder, Qdrant's embedded mode pickles what it
              keeps: open none that comes from somebody else)
    name      of the collection: made if it is not there, opened if it is
    dtype     "float32" or "float16": how embeddings are kept (the embedded mode always keeps float32)
    model, words  as for :class:`mee.search.ClipIndex`; they stay here
    api_key   for a server that wants one

    ``depth``: how many clips each expert proposes. With ``depth >= len(index)`` nothing can be missed.
    """

    def __init__(
        self, dims, location=":memory:", name="clips", dtype="float32", model=None, words=None, api_key=None
    ):
        client, self.models = _qdrant()
        if not dims or min(dims.values()) < 1:
            raise ValueError(f"dims names at least one expert and its dimensions; got {dims}")
        self.dims = {expert: int(dims[expert]) for expert in sorted(dims)}
        self.name, self.dtype, self.model, self.words, self.depth = name, dtype, model, words, 1000
        location = str(location)
        remote = location.startswith(("http://", "https://"))
        kind = "url" if remote else "location" if location == ":memory:" else "path"
        self.client = client(**{kind: location}, api_key=api_key)
        try:
            self._open(remote)
        except BaseException:
            self.client.close()
            raise

    def _open(self, remote):
        m = self.models
        vectors = {
            expert: m.VectorParams(size=dim, distance=m.Distance.DOT, datatype=m.Datatype(self.dtype))
            for expert, dim in self.dims.items()
        }
        if not self.client.collection_exists(self.name):
            self.client.create_collection(self.name, vectors_config=vectors)
            for expert in self.dims if remote else ():  # embedded, there are no indices
                self.client.create_payload_index(self.name, _path("has", expert), m.PayloadSchemaType.INTEGER)
            return
        found = self.client.get_collection(self.name).config.params.vectors
        sizes = {expert: params.size for expert, params in found.items()} if isinstance(found, dict) else found
        if sizes != self.dims:
            raise ValueError(f"collection {self.name!r} is there with the vectors {sizes}, not {self.dims}")

    @property
    def experts(self):
        """The experts' names, alphabetically: the columns of weights and masks."""
        return list(self.dims)

    def __len__(self):
        return self.client.count(self.name, exact=True).count

    def __contains__(self, id):
        return bool(self.client.retrieve(self.name, [_point(id)], with_payload=False))

    def close(self):
        self.client.close()

    @classmethod
    def build(cls, model, clips, rows=None, words=None, chunk=512, max_rows=None, progress=True, **options):
        """A collection of ``clips``: as :meth:`mee.search.ClipIndex.build`, with ``options`` for this class."""
        dims = {name: unit.fc.out_features for name, unit in model.mee.video_GU.items()}
        index = cls(dims, model=model, words=words or clips.words, **options)
        rows = torch.arange(len(clips)) if rows is None else torch.as_tensor(rows, dtype=torch.long)
        with tqdm(total=len(rows), disable=not progress, unit="clip", desc="indexing") as bar:
            for ids, videos, where in embedded(model, clips, rows, chunk, max_rows):
                index.add(ids, videos, where)
                bar.update(len(ids))
        return index

    def add(self, ids, videos, where=None):
        """Add clips; arguments and errors as in :meth:`mee.search.ClipIndex.add`."""
        ids = list(ids)
        where = [{}] * len(ids) if where is None else list(where)
        vectors, mask = offered(self, ids, videos, where)
        points = [_point(id) for id in ids]
        there = self.client.retrieve(self.name, points, with_payload=True) if points else []
        if there or len(set(points)) < len(points):
            twice = f"id {there[0].payload['id']!r} is in the index already" if there else "ids names a clip twice"
            raise ValueError(twice)
        made = []
        for i, id in enumerate(ids):
            has = dict(zip(self.dims, mask[i].int().tolist(), strict=True))
            vector = {expert: vectors[expert][i].tolist() for expert in self.dims if has[expert]}
            payload = {"id": id, "has": has, "where": json.loads(json.dumps(where[i]))}
            made.append(self.models.PointStruct(id=points[i], vector=vector, payload=payload))
        for start in range(0, len(made), 256):
            self.client.upsert(self.name, made[start : start + 256], wait=True)

    def remove(self, ids):
        """Take clips out; an id that is not there raises KeyError, and then nothing is removed."""
        points = {_point(id): id for id in ([ids] if isinstance(ids, str) else ids)}
        there = {point.id for point in self.client.retrieve(self.name, list(points), with_payload=False)}
        missing = [id for point, id in points.items() if point not in there]
        if missing:
            raise KeyError(f"{missing[0]!r} is not in the index")
        self.client.delete(self.name, points_selector=list(points), wait=True)

    def search(self, query, k=10, where=None, experts=None):
        """As :meth:`mee.search.ClipIndex.search`; ``where`` is a dict (a function cannot travel)."""
        texts, weights, chosen = asked(self, query, k, experts)
        conditions = self._conditions(where)
        total = len(self)
        hits = [
            self._one({name: x[i] for name, x in texts.items()}, weights[i], chosen, int(k), conditions, total)
            for i in range(len(weights))
        ]
        return hits[0] if isinstance(query, str) else hits

    def _one(self, text, weights, chosen, k, conditions, total):
        m = self.models
        used = [(name, text[name], float(w)) for name, w, use in zip(self.dims, weights, chosen, strict=True) if use]
        if not total:
            return []
        depth = max(self.depth, k)
        only = m.Filter(must=conditions) if conditions else None
        proposed = [
            m.Prefetch(query=vector.tolist(), using=name, filter=only, limit=min(depth, total))
            for name, vector, _ in used
        ]
        if depth < total:
            # whatever any expert proposes is scored by each of them; absent ones count as 0 in the formula
            proposed = [
                m.Prefetch(prefetch=proposed, query=vector.tolist(), using=name, limit=depth * len(used))
                for name, vector, _ in used
            ]
        above = [m.MultExpression(mult=[w, f"$score[{i}]"]) for i, (_, _, w) in enumerate(used)]
        below = [m.MultExpression(mult=[w, _path("has", name)]) for name, _, w in used]
        ratio = m.DivParams(left=m.SumExpression(sum=above), right=m.SumExpression(sum=below))
        found = self.client.query_points(
            self.name,
            prefetch=proposed,
            query=m.FormulaQuery(formula=m.DivExpression(div=ratio)),
            query_filter=only,
            limit=k,
            with_payload=True,
            with_vectors=[name for name, _, _ in used],
        ).points
        hits = [self._hit(point, used) for point in found]
        if len(hits) < k:  # clips without any of these experts come last
            nothing = [self._equals(_path("has", name), 0) for name, _, _ in used]
            rest, _ = self.client.scroll(self.name, m.Filter(must=conditions + nothing), limit=k - len(hits))
            hits += [Hit(point.payload["id"], NO_EXPERT, where=point.payload["where"]) for point in rest]
        return hits

    def _hit(self, point, used):
        vectors = point.vector or {}
        weight = {name: w for name, _, w in used if name in vectors}
        total = sum(weight.values())
        similarity = {name: float(np.dot(text, vectors[name])) for name, text, _ in used if name in vectors}
        weight = {name: w / total for name, w in weight.items()}
        return Hit(point.payload["id"], point.score, similarity, weight, point.payload["where"])

    def _conditions(self, where):
        if callable(where):
            raise ValueError("Qdrant cannot be asked with a function: give where as a dict")
        return [self._equals(_path("where", key), value) for key, value in (where or {}).items()]

    def _equals(self, path, value):
        m = self.models
        if isinstance(value, float):
            return m.FieldCondition(key=path, range=m.Range(gte=value, lte=value))
        return m.FieldCondition(key=path, match=m.MatchValue(value=value))


def _qdrant():
    try:
        from qdrant_client import QdrantClient, models
    except ImportError as error:
        raise ImportError("Qdrant's client is missing: pip install -e '.[search]', or qdrant-client") from error
    return QdrantClient, models


def _point(id):
    return str(uuid.uuid5(NAMESPACE, id))


def _path(head, key):
    """The place of a value in a payload; the key is quoted, so that it can hold dots."""
    if '"' in key or not key:
        raise ValueError(f"{key!r} cannot be the name of a value in Qdrant")
    return f'{head}."{key}"'
