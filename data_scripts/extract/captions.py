"""captions.csv: which videos, which captions, which split."""

import csv
import difflib
import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mee.data import SPLITS

from .decode import ALL_EXPERTS, IMAGES, Clip, ClipError, read_clip
from .face import Box

VIDEOS = set(".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ts .mts .wmv .flv .3gp .ogv .gif".split())


@dataclass
class Entry:
    """One clip of the caption table; ``mentions`` has the experts of each caption, or is None if not all are known."""

    file: str
    path: Path
    id: str = ""
    split: str = ""
    face_box: Box | None = None
    captions: list[str] = field(default_factory=list)
    mentions: list[list[str]] | None = field(default_factory=list)
    facts: dict = field(default_factory=dict)  # what else is known of the clip; goes into the file

    def files(self) -> list[Path]:
        """All files that the clip is read from."""
        return [self.path]

    def read(self, experts: tuple[str, ...], audio_seconds: float) -> Clip:
        """What ``experts`` need of the clip."""
        return read_clip(self.path, audio_seconds=audio_seconds, experts=experts)


def read_captions(table, folder, only_named: bool = False, any_split: bool = False) -> tuple[list[Entry], list[str]]:
    """The clips of a caption table and its folder, and remarks for the user.

    Files of ``folder`` that the table does not name come last, without captions, or not at all if ``only_named``.
    A split that is not train, val or test is refused unless ``any_split``. Raises :class:`ClipError`.
    """
    table, folder = Path(table), Path(folder)
    files = _files_in(folder)
    videos = [name for name, path in files.items() if path.suffix.lower() in VIDEOS | IMAGES]
    entries: dict[str, Entry] = {}
    for where, row in _rows_of(table):
        name = unicodedata.normalize("NFC", row["file"].replace("\\", "/")).removeprefix("./")
        if not any(row.values()):
            continue
        if not name:
            raise ClipError(f"{where}: no file")
        if name not in files:
            near = difflib.get_close_matches(name, videos, 1)
            raise ClipError(f"{where}: {name} is not in {folder}" + (f"; did you mean {near[0]}?" if near else ""))
        if not any_split and row.get("split", "") not in ("", *SPLITS):
            raise ClipError(f"{where}: split {row['split']!r} is not one of {', '.join(SPLITS)}")
        _add_row(entries.setdefault(name, Entry(name, files[name])), row, where)

    remarks = []
    unnamed = [name for name in videos if name not in entries and not only_named]
    if unnamed:
        some = ", ".join(unnamed[:3]) + (", ..." if len(unnamed) > 3 else "")
        remarks.append(f"{len(unnamed)} in {folder} not named in {table.name}, indexed without a caption: {some}")
    if wordless := sum(not entry.captions for entry in entries.values()):
        remarks.append(f"{wordless} named in {table.name} without a caption: indexed without one")
    entries.update({name: Entry(name, files[name]) for name in unnamed})
    if not entries:
        raise ClipError(f"{table} names no file, and there is no video or image in {folder}")
    mentions = [names for entry in entries.values() for names in entry.mentions]
    if not all(mentions):
        if known := sum(map(bool, mentions)):
            remarks.append(f"mentions are given for {known} of {len(mentions)} captions, not for all; left out")
        for entry in entries.values():
            entry.mentions = None
    _set_ids(table, list(entries.values()))
    return list(entries.values()), remarks


def _files_in(folder: Path) -> dict[str, Path]:
    """Name -> path of all files below ``folder``. Names become NFC: macOS writes letters in pieces (NFD)."""
    if not folder.is_dir():
        raise ClipError(f"{folder}: no such folder")
    names = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        unicodedata.normalize("NFC", name.as_posix()): path
        for name, path in names.items()
        if not any(part.startswith(".") for part in name.parts)
    }


def _rows_of(table: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """(where it is, {column: value}) of each row, once the columns are right."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ClipError(f"{table}: not UTF-8 (byte {error.start}); save it as 'CSV UTF-8'") from None
    delimiter = max(",;\t", key=text.partition("\n")[0].count)  # spreadsheets write ; where the comma marks decimals
    rows = csv.DictReader(text.splitlines(keepends=True), delimiter=delimiter, restval="")
    rows.fieldnames = columns = [(name or "").strip().lower() for name in rows.fieldnames or ()]
    for name in ("file", "caption"):
        if name not in columns:
            raise ClipError(f"{table}: no column {name!r} in its first line; there are: {', '.join(columns) or 'none'}")
    for row in rows:
        where = f"{table}, line {rows.line_num}"
        if beyond := row.pop(None, None):
            count = f"{len(columns) + len(beyond)} values for {len(columns)} columns"
            raise ClipError(f"{where}: {count}; a caption with {delimiter!r} in it needs double quotes")
        yield where, {name: value.strip() for name, value in row.items()}


def _add_row(entry: Entry, row: dict[str, str], where: str) -> None:
    """Add a row's caption and attributes to its clip; attributes that differ between rows are refused."""
    for column in ("id", "split", "face_box"):
        if value := row.get(column):
            value = _box(value, where) if column == "face_box" else value
            before = getattr(entry, column)
            if before and before != value:
                raise ClipError(f"{where}: {entry.file} has {column} {before!r} in an earlier line, {value!r} here")
            setattr(entry, column, value)
    if row["caption"]:
        names = [name.strip() for name in row.get("mentions", "").split("+") if name.strip()]
        if unknown := [name for name in names if name not in ALL_EXPERTS]:
            raise ClipError(f"{where}: mentions {unknown[0]!r}, not one of {', '.join(ALL_EXPERTS)}, joined with +")
        entry.captions.append(row["caption"])
        entry.mentions.append(names)


def _box(text: str, where: str) -> Box:
    try:
        x0, y0, x1, y1 = (float(part) for part in text.replace(",", " ").split())
        if x0 < x1 and y0 < y1:
            return x0, y0, x1, y1
    except ValueError:
        pass
    raise ClipError(f"{where}: face_box {text!r}; expected four numbers 'x0 y0 x1 y1' in pixels of the video")


def _set_ids(table: Path, entries: list[Entry]) -> None:
    """An id for each clip without one: its file's name without the ending, where that is unique."""
    stems = Counter(entry.file.rpartition(".")[0] for entry in entries)
    owners: dict[str, str] = {}
    for entry in entries:
        stem = entry.file.rpartition(".")[0]
        entry.id = entry.id or (stem if stem and stems[stem] == 1 else entry.file)
        if owners.setdefault(entry.id, entry.file) != entry.file:
            raise ClipError(f"{table}: {owners[entry.id]} and {entry.file} have the same id {entry.id!r}")


def assign_splits(entries: list[Entry], split: str | None = None) -> None:
    """Give every entry a split: ``split``, its own, or, without a split column, 80 : 10 : 10 by a hash of its id.

    Clips without a caption go to test: nothing can be learnt from them, but they can be found. Raises
    :class:`ClipError` if some captioned clips have a split and others do not.
    """
    captioned = [entry for entry in entries if entry.captions]
    given = [entry for entry in captioned if entry.split]
    if given and len(given) < len(captioned) and not split:
        without = next(entry for entry in captioned if not entry.split)
        raise ClipError(f"{without.file} has no split, {given[0].file} has one: give a split to all, or to none")
    if not given:
        # by rank of the hash, so that even ten clips have one for validation and one for testing
        ranked = sorted(captioned, key=lambda entry: hashlib.sha256(entry.id.encode()).digest())
        tenth = max(round(len(ranked) / 10), 1) if len(ranked) > 2 else 0
        for i, entry in enumerate(ranked):
            entry.split = "test" if i < tenth else "val" if i < 2 * tenth else "train"
    for entry in entries:
        entry.split = split or entry.split or "test"
