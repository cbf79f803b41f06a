"""Everything on disk: clip files, word vector files, checkpoints; each file that is written is complete or absent."""

from mee.storage.checkpoint import Checkpoint, CheckpointError, load_model, save_model
from mee.storage.files import atomic, seal, sealed
from mee.storage.reader import ClipFileError, describe, problems, read_clips
from mee.storage.word_vectors import words_for
from mee.storage.writer import ClipWriter, made_by

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "ClipFileError",
    "ClipWriter",
    "atomic",
    "describe",
    "load_model",
    "made_by",
    "problems",
    "read_clips",
    "save_model",
    "seal",
    "sealed",
    "words_for",
]
