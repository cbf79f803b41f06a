"""Search: sentences in, clips out, with FAISS in this process or with Qdrant on a server (lessons 15 and 16)."""

from mee.search.common import Hit, encode_query
from mee.search.index import ClipIndex, IndexFileError

__all__ = ["ClipIndex", "Hit", "IndexFileError", "encode_query"]
