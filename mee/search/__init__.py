"""Search: sentences in, clips out, with FAISS, or with Qdrant in a folder or on a server (lessons 15 and 16)."""

from mee.search.common import Hit, encode_query
from mee.search.index import ClipIndex, IndexFileError

__all__ = ["ClipIndex", "Hit", "IndexFileError", "encode_query"]
