"""Fetch a public collection for its converter: size and terms first, then resumed, checked and unpacked with care.

    python data_scripts/download.py                 # what there is
    python data_scripts/download.py ce-msvd         # shows size and terms, asks, fetches; unpacked into data/ce-msvd

Whatever stops it (Ctrl-C, a dropped connection, a full disk), the same command goes on from there. A copy of the
archive from elsewhere may be put where the script would put it: it is then checked and unpacked. No more comes over
the network than the size you agreed to, or twice that where a server cannot resume and has to begin anew.
"""

import argparse
import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from contextlib import contextmanager
from http.client import HTTPException, InvalidURL
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from tqdm import tqdm

from mee.files import atomic

CHUNK = 1 << 18
WAIT = 1.0  # seconds before the second try; each further wait is twice as long
PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP errors that may pass
UNPACKED = 1.5  # a guess: what features take unpacked, as long as the archive's own list of sizes cannot be read
RATIO, ENTRIES = 20, 100_000  # unpacked : packed, and files in an archive; with more it is no collection of features
HEADERS = 1 << 21  # bytes that a tar may spend between one file and the next
#: the folders of MeMAD's repository that are fetched, and what convert_memad.py reads of them
MEMAD = "PicSOM_prediction/picsom/2020", "PicSOM_prediction/picsom/2020b", "textual_scores/data_2021"
MEMAD_NEEDS = (
    f"{MEMAD[0]}*/meta/labels.txt",
    f"{MEMAD[0]}*/features/*.bin",
    *(f"{MEMAD[1]}/classes/{name}" for name in ("training", "dev", "test")),
    f"{MEMAD[2]}/*/*_set/*_text_descriptions.csv",
)


class Source(NamedTuple):
    """A collection: where it is, and what its authors say about it (None: nothing)."""

    what: str
    url: str
    terms: str
    converter: str  # the command that comes next; {} is the folder
    size: int | None = None  # bytes, about
    sum: str | None = None  # hexadecimal sha1


def experts(name, gib, sha1):
    return Source(
        f"collaborative-experts' features of {name}",
        f"http://www.robots.ox.ac.uk/~vgg/research/collaborative-experts/data/features-v2/{name}-experts.tar.gz",
        f"not stated; the authors ask to be cited (Liu et al. 2019), and {name}'s own terms apply",
        f"python data_scripts/convert_experts.py {name.lower()} {{}} -o {name.lower()}.h5",
        gib and int(gib * 2**30),
        sha1,
    )


SOURCES = {
    "paper": Source(
        "the paper's own features of MSR-VTT, LSMDC and COCO",
        "https://www.rocq.inria.fr/cluster-willow/amiech/ECCV18/data.zip",
        "not stated; MSR-VTT's, LSMDC's and COCO's own terms apply (for LSMDC, MPII wants to be asked)",
        "python data_scripts/convert_release.py msrvtt {} -o msrvtt.h5   # or lsmdc, lsmdc-choices, coco",
    ),
    "ce-msrvtt": experts("MSRVTT", None, "9018a9bf215e174c982b997fd4ee140eb0865040"),
    "ce-msvd": experts("MSVD", 1.3, "999ef6e34c9d9ffe15363ade90400741bae5cb34"),
    "ce-didemo": experts("didemo", 1.2, "19dfa1272e5db57191446a0c4fca59d298cb8663"),
    "ce-activity-net": experts("activity-net", 3.7, "2901046fa6a3d6f6393ee0047818e960fcfabd69"),
    "memad": Source(
        "1,500 TRECVID / MediaEval clips of MeMAD-project/media-memorability, a git repository",
        "https://github.com/MeMAD-project/media-memorability",
        "not stated; the clips come under TRECVID's and MediaEval's terms; not to be passed on",
        "python data_scripts/convert_memad.py {} -o memad.h5",
    ),
}


class Refused(Exception):
    """What stands in the way, and how to go on."""


class Fault(Refused):
    """The server or the network is in the way; another one may do better."""


class Corrupt(Refused):
    """The archive is in the way; unpacking the same bytes again will not help."""


class Dropped(Exception):
    """Something that may pass came between, after ``gained`` bytes."""

    gained = 0


def human(size):
    """``size`` in bytes for people: 1,400,000,000 is 1.4 GB."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"


def progress(what, total, begin=0):
    return tqdm(desc=what, total=total, initial=begin, unit="B", unit_scale=True, disable=None)


# ------------------------------------------------------------------------------------------------------------- http


class HttpOnly(HTTPRedirectHandler):
    """Follows redirects to http and https only, and asks there for what was asked for (HEAD stays HEAD)."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if urlsplit(newurl).scheme not in ("http", "https"):
            raise Fault(f"{req.host} sends us on to {newurl}, which is neither http nor https")
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        new.method = req.get_method()
        return new


def open_url(url, timeout, method="GET", headers=()):
    """The answer of ``url``'s server. Raises Dropped for faults that may pass, Fault for those that will not."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Refused(f"{url!r} is not an http or https address")
    try:
        request = Request(url, method=method, headers={"User-Agent": "mee-download", **dict(headers)})
        return build_opener(HttpOnly).open(request, timeout=timeout)
    except HTTPError as error:
        error.close()
        kind = Dropped if error.code in PASSING else Fault
        raise kind(f"{parts.netloc} answers {error.code} {error.reason} for {url}") from None
    except (ValueError, InvalidURL) as error:
        raise Refused(f"{url!r}: {error}") from None
    except (OSError, HTTPException) as error:
        why = getattr(error, "reason", error)
        raise Dropped(f"{parts.netloc} cannot be reached: {getattr(why, 'strerror', None) or why}") from None


class Remote(NamedTuple):
    """What a server says about a file: bytes (None: it does not say), and an ETag or a date (or "")."""

    url: str
    size: int | None
    validator: str


def remote_of(response):
    """What the headers of an answer say."""
    length, tag = (response.headers.get(name, "") for name in ("Content-Length", "ETag"))
    known = re.fullmatch("[0-9]{1,18}", length) and "Transfer-Encoding" not in response.headers
    if not tag.startswith('"'):  # a weak one, W/"...", does not promise the same bytes
        tag = response.headers.get("Last-Modified", "")
    return Remote(response.url, known and int(length) or None, tag)


def look(url, timeout):
    """What is said about ``url``, without fetching it."""
    try:
        with open_url(url, timeout, "HEAD") as response:
            remote = remote_of(response)
        if remote.size:
            return remote
    except Fault:
        pass
    with open_url(url, timeout) as response:  # a server that only answers GET: read what it says first, and hang up
        return remote_of(response)


def patiently(attempt, tries):
    """``attempt()``, again and again while it raises Dropped; Fault after ``tries`` in a row that brought nothing."""
    failures = 0
    while True:
        try:
            return attempt()
        except Dropped as error:
            failures = 1 if error.gained >= CHUNK else failures + 1
            if failures >= tries:
                raise Fault(f"{error} (tried {tries} times)") from None
            pause = min(WAIT * 2 ** (failures - 1), 60)
            print(f"{error}; again in {pause:g} s", file=sys.stderr)
            time.sleep(pause)


def fetch(url, part, remote, most, checked, options):
    """Bring ``url`` into the file ``part``, going on from what is there if that is of the same file.

    ``remote`` is what ``look`` saw, ``most`` the bytes agreed to, ``checked`` whether a known sum catches a mix-up.
    """
    note, state = part.with_name(part.name + ".json"), {"url": url, "size": remote.size, "is": remote.validator}
    traffic = best = 0

    def remember():
        with atomic(note) as temporary:
            temporary.write_text(json.dumps(state))

    def attempt():
        nonlocal traffic, best
        size, have = state["size"], 0
        if size and part.exists() and (state["is"] or checked):
            have = part.stat().st_size
        if have and have == size:
            return
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and state["is"]:
            headers["If-Range"] = state["is"]  # if it is another file by now: all of it, please
        with open_url(url, options.timeout, headers=headers) as response:
            if response.status == 206 and have:
                said = response.headers.get("Content-Range", "nothing of its place")
                place = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", said)
                if not place or int(place[1]) != have or place[2] not in ("*", str(size)):
                    raise Fault(f"asked for the bytes {have} to {size}, the server said of what it sent: {said}")
            elif response.status == 200:
                now, have = remote_of(response), 0
                if now.size and size and now.size != size:
                    raise Fault(f"{url} has {now.size:,} bytes now, and had {size:,} a moment ago")
                state.update(size=size or now.size, **{"is": now.validator})
                remember()
            else:
                raise Fault(f"{url}: an answer of status {response.status}, which nobody asked for")
            size, best = state["size"], max(best, have)
            with open(part, "ab" if have else "wb") as out, progress(part.stem, size, have) as bar:
                try:
                    for block in blocks(response):
                        have, traffic = have + len(block), traffic + len(block)
                        if have > most:
                            raise Fault(f"the server sends more than the {human(most)} that were agreed to")
                        if traffic > 2 * most:
                            raise Fault(f"the server begins anew each time: {human(traffic)} came for {human(most)}")
                        out.write(block)
                        bar.update(len(block))
                    if size and have < size:
                        raise Dropped(f"the connection ended at byte {have:,} of {size:,}")
                except Dropped as error:
                    error.gained, best = have - best, max(best, have)
                    raise

    if part.exists() and not (note.exists() and note.read_text() == json.dumps(state)):
        print(f"{part} is of another file, or of a former state of this one: beginning anew")
        part.unlink()
    remember()
    patiently(attempt, options.tries)


def blocks(response):
    """The body, in pieces of at most CHUNK bytes."""
    while True:
        try:
            block = response.read1(CHUNK)
        except (OSError, HTTPException) as error:
            raise Dropped(f"the connection broke: {error!r}") from None
        if not block:
            return
        yield block


# ---------------------------------------------------------------------------------------------------------- archives


def zip_members(path):
    """(name, bytes, is a folder, function that opens it) of each member."""
    with zipfile.ZipFile(path) as archive:
        archive.fp.seek(-min(path.stat().st_size, 1 << 16), os.SEEK_END)
        end = archive.fp.read()
        count = struct.unpack_from("<H", end, end.rindex(b"PK\5\6") + 10)[0]
        if count not in (len(archive.infolist()), 0xFFFF):  # a damaged list loses members, and zipfile says nothing
            raise Corrupt(f"{len(archive.infolist())} members in a list of {count}")
        for info in archive.infolist():
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise Corrupt(f"{info.orig_filename!r} is a link or a device")
            if info.header_offset < 0:
                raise Corrupt(f"{info.orig_filename!r} lies before the archive's begin")
            if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Corrupt(f"{info.orig_filename!r} is encrypted, or packed in an unusual way")
            yield info.orig_filename, info.file_size, info.is_dir(), lambda info=info: archive.open(info)


class Metered:
    """A stream that ends with Corrupt after ``allowed`` bytes: no header of a tar can ask for all memory."""

    def __init__(self, stream):
        self.stream, self.allowed = stream, HEADERS

    def read(self, size):
        block = self.stream.read(size)
        self.allowed -= len(block)
        if self.allowed < 0:
            raise Corrupt("more bytes in it than its own sizes account for")
        return block


def tar_members(path):
    """The same of a tar or tar.gz, read from front to back: each is to be opened before the next is asked for."""
    with open(path, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = Metered(gzip.GzipFile(fileobj=raw) if packed else raw)
        with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK) as archive:
            while member := archive.next():
                if not (member.isreg() or member.isdir()) or member.issparse() or member.size < 0:
                    raise Corrupt(f"{member.name!r} is a link, a device or a file with holes")
                stream.allowed = member.size + HEADERS
                yield member.name, member.size, member.isdir(), lambda member=member: archive.extractfile(member)
            # A damaged header is the end to tarfile. After the real end are zeros only, then gzip's own checksum.
            while rest := archive.fileobj.read(CHUNK):
                if rest.strip(b"\0"):
                    raise Corrupt("damaged in the middle")


def members(path):
    """The members of the zip, tar or tar.gz that the first bytes of ``path`` say it is."""
    with open(path, "rb") as file:
        start = file.read(262)
    if start.startswith(b"PK"):
        return zip_members(path)
    if start.startswith(b"\x1f\x8b") or start.endswith(b"ustar"):
        return tar_members(path)
    raise Corrupt(f"neither a zip nor a tar; it begins with {start[:20]!r}")


def inside(name):
    """The path below a folder that a member's name means. Raises Corrupt where it leads out, or is odd."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\\" in name or ":" in name or not name.isprintable():
        raise Corrupt(f"the name {name[:99]!r} leads out of its folder, or is odd")
    if len(name) > 1000 or any(len(part.encode()) > 250 for part in parts):
        raise Corrupt(f"the name {name[:99]!r}... is too long")
    return "/".join(parts)


def plan(found, most):
    """{path: bytes} of an archive's files; Corrupt, before anything is written, if some or all should not be."""
    files, total = {}, 0
    for count, (name, size, folder, _) in enumerate(found, 1):
        path = inside(name)
        if count > ENTRIES:
            raise Corrupt(f"more than {ENTRIES:,} entries")
        if folder and size:
            raise Corrupt(f"{name!r} is a folder of {size} bytes")
        if not folder:
            if not path or path in files:
                raise Corrupt(f"{name!r} is there twice, or has no name")
            files[path] = size
            total += size
        if total > most:
            raise Corrupt(f"it would unpack to more than {human(most)}, over {RATIO} times its size: a bomb?")
    for path in files:
        if any(str(parent) in files for parent in Path(path).parents):
            raise Corrupt(f"{path!r} is said to lie in a file")
    if not files:
        raise Corrupt("there is no file in it")
    return files


@contextmanager
def naming(path):
    """What the archive modules raise when bytes are wrong becomes Corrupt; either way ``path`` is named."""
    try:
        yield
    except Corrupt as error:
        raise Corrupt(f"{path}: {error}") from None
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, struct.error, EOFError, ValueError,
            LookupError, OverflowError, NotImplementedError) as error:  # fmt: skip
        raise Corrupt(f"{path}: damaged ({error})") from None


def unpack(path, temporary):
    """Unpack ``path`` into the new folder ``temporary``, of which nothing is left if that fails."""
    with naming(path):
        total = sum(plan(members(path), RATIO * path.stat().st_size + HEADERS).values())
    room_for(total, temporary.parent, f"what is in {path}")
    shutil.rmtree(temporary, ignore_errors=True)  # of a run that was killed
    temporary.mkdir()
    try:
        with naming(path), progress("unpacking", total) as bar:
            for name, size, folder, opened in members(path):
                if folder:
                    continue
                target = temporary / inside(name)
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened() as source, open(target, "xb") as out:
                    while size >= 0 and (block := source.read(CHUNK)):
                        size -= len(block)
                        out.write(block)
                        bar.update(len(block))
                if size:
                    raise Corrupt(f"{name!r} is not as long as it says")
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def room_for(size, folder, what):
    """Raise Refused unless the disk of ``folder``, which may be yet to come, has ``size`` bytes free."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    if size > free:
        raise Refused(f"{what}: {human(size)}; free in {there}: {human(free)}. Make room, or name another place: --to")


# --------------------------------------------------------------------------------------------------------------- git


def clone(url, temporary, most, patience):
    """What convert_memad.py needs of the git repository ``url`` into ``temporary``: at most ``most`` bytes."""
    if not shutil.which("git"):
        raise Fault("git is not installed (apt install git, brew install git, conda install git)")
    shutil.rmtree(temporary, ignore_errors=True)
    git = ["git", "-c", "core.symlinks=false"]  # a link in a repository could point anywhere
    commands = (
        [*git, "clone", "--quiet", "--depth=1", "--filter=blob:none", "--sparse", "--", url, str(temporary)],
        [*git, "-C", str(temporary), "sparse-checkout", "set", *MEMAD],
    )
    try:
        for command in commands:
            run(command, temporary, most, patience)
        lacking = [pattern for pattern in MEMAD_NEEDS if not any(temporary.glob(pattern))]
        if lacking:
            raise Fault(f"{url} lacks what convert_memad.py reads: {', '.join(lacking)}")
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def run(command, folder, most, patience):
    """Run a git command that fills ``folder``; end it if that grows over ``most`` bytes, or not for ``patience`` s."""
    settings = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    with tempfile.TemporaryFile() as said, progress("git", None) as bar:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=settings, start_new_session=True
        )
        try:
            size, since = 0, time.monotonic()
            while process.poll() is None:
                time.sleep(0.1)
                before, size = size, sum(map(bytes_of, folder.rglob("*")))
                bar.update(size - before)
                if size != before:
                    since = time.monotonic()
                if size > most:
                    raise Refused(f"the clone grew over {human(most)} and was stopped; --limit allows more")
                if time.monotonic() - since > patience:
                    raise Fault(f"nothing came from git for {patience:g} seconds")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        said.seek(0)
        if process.returncode:
            raise Fault(f"git says: {' '.join(said.read().decode(errors='replace').split())[-300:]}")


def bytes_of(path):
    try:
        return path.lstat().st_size
    except FileNotFoundError:  # git removes files of its own meanwhile
        return 0


# -------------------------------------------------------------------------------------------------------------- main


def describe(name, source):
    """What is known of a source without a network."""
    size = f"{human(source.size)}, say its authors" if source.size else "not stated; the server is asked"
    known = f"sha1 {source.sum}" if source.sum else "none published; the sha256 is recorded the first time"
    if name == "memad":
        size, known = "not stated; tens of MB are needed, and it stops at 1 GB (--limit)", "git's own"
    return f"{name}: {source.what}\n  size       {size}\n  checksum   {known}\n  terms      {source.terms}"


def agree(yes):
    """Ask whether to go on; Refused if not."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("nothing done: nobody is there to be asked. --yes agrees to the size and the terms above")
    try:
        answer = input("Go on? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise Refused("nothing done")


def get_clone(source, place, folder, options):
    """Show, ask and clone."""
    url, most = options.mirror or source.url, int((options.limit or 1) * 1e9)
    print(f"  from       {url}\n  into       {folder}\n  needed     " + "\n             ".join(MEMAD_NEEDS))
    room_for(most, folder, "the most that the clone may take")
    agree(options.yes)
    temporary = folder.with_name(f".{folder.name}.unpacking")
    with alone(folder.parent):
        clone(url, temporary, most, 5 * options.timeout)
        os.rename(temporary, folder)


def get_archive(source, archive, folder, options):
    """Show, ask, fetch, check and unpack; what is there already is not fetched."""
    if archive.exists():
        print(f"  {archive} is there: it is checked and unpacked into {folder}")
        agree(options.yes)
        with alone(folder.parent):
            return settle(source, archive, archive, folder)
    url, part = options.mirror or source.url, archive.with_name(archive.name + ".part")
    remote = patiently(lambda: look(url, options.timeout), options.tries)
    size = f"{human(remote.size)} ({remote.size:,} bytes)" if remote.size else "nothing"
    already = part.stat().st_size if part.exists() else 0
    print(f"  from       {remote.url}\n  its server says of the size: {size}")
    print(f"  into       {archive}" + f", of which {human(already)} are there" * bool(already))
    print(f"  unpacked   {folder}")
    allowed = int(options.limit * 1e9) if options.limit else source.size and int(1.1 * source.size)
    if remote.size and allowed and remote.size > allowed:
        raise Refused(f"{size} is more than the {human(allowed)} expected. If that is right: --limit, in GB")
    most = remote.size or allowed
    if not most:
        raise Refused("the server does not say how large it is. To fetch, say, at most 5 GB: --limit 5")
    room_for(max(most - already, 0) + int(UNPACKED * most), folder, "the archive and, at a guess, what is in it")
    agree(options.yes)
    with alone(folder.parent):
        fetch(url, part, remote, most, bool(source.sum), options)
        settle(source, part, archive, folder)


def settle(source, path, archive, folder):
    """Check and unpack ``path``; only when all of it is right do ``archive`` and ``folder`` get their names."""
    record, temporary = archive.with_name(archive.name + ".sha256"), folder.with_name(f".{folder.name}.unpacking")
    algorithm, expected, by = ("sha1", source.sum, "its authors") if source.sum else ("sha256", None, record)
    if not source.sum and record.exists():
        expected = (record.read_text().split() or [None])[0]
    print(f"checking {path}")
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
        if expected and found != expected:
            raise Corrupt(f"{path} has the {algorithm} {found}, not {expected} as in {by}")
        unpack(path, temporary)
    except Corrupt as error:
        left, then = archive, "move it away, and the same command fetches one"
        if path != archive:
            left, then = archive.with_name(archive.name + ".refused"), "the same command fetches it anew (or --mirror)"
            os.replace(path, left)
        if by == record and expected:
            then += f"; if its authors changed it and you trust that, remove {record}"
        raise Refused(f"{error}.\nNothing is unpacked. The archive is left as {left}: {then}") from None
    print(f"{algorithm} {found}" + (f", as in {by}" if expected else f": recorded in {record}, none is published"))
    if not expected:
        with atomic(record) as new:
            new.write_text(f"{found}  {archive.name}\n")
    if path != archive:
        os.replace(path, archive)
        path.with_name(path.name + ".json").unlink(missing_ok=True)
    os.rename(temporary, folder)
    print(f"{archive} is no longer needed: removing it frees {human(archive.stat().st_size)}")


@contextmanager
def alone(folder):
    """Nobody else fetches into ``folder`` meanwhile, where its file system knows locks."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another download is at work in {folder}: wait, or name another place: --to") from None
        except OSError:
            pass
        yield
    finally:
        os.close(handle)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", choices=SOURCES, help="which collection; without it, what there is")
    parser.add_argument("--to", type=Path, default=Path("data"), help="folder to put it into (default data)")
    parser.add_argument("--mirror", metavar="URL", help="fetch the same archive (memad: repository) from here")
    parser.add_argument("--yes", action="store_true", help="agree to size and terms without being asked")
    parser.add_argument("--limit", type=float, metavar="GB", help="fetch no more than this, whatever the server says")
    parser.add_argument("--list", action="store_true", help="show what there is, and stop")
    parser.add_argument("--tries", type=int, default=5, help="attempts that bring nothing before giving up (default 5)")
    parser.add_argument("--timeout", type=float, default=30, help="seconds to wait for a silent server (default 30)")
    options = parser.parse_args(arguments)
    if options.tries < 1 or not options.timeout > 0 or options.limit is not None and not 0 < options.limit < 1e6:
        parser.error("--limit, --tries and --timeout are numbers above 0")
    if options.list or not options.name:
        for name, source in SOURCES.items():
            print(f"{describe(name, source)}\n  then       {source.converter.format('data/' + name)}\n")
        print("The collaborative-experts features of LSMDC are given by their authors, to those who may use LSMDC.")
        return
    source, folder = SOURCES[options.name], options.to / options.name
    get, place = get_archive, options.to / Path(urlsplit(source.url).path).name
    if options.name == "memad":
        get, place = get_clone, folder
    part = place.with_name(place.name + ".part")
    try:
        if folder.exists():
            print(f"{folder} is there already; move it away to fetch it anew")
        else:
            print(describe(options.name, source))
            get(source, place, folder, options)
            print(f"{folder} is ready")
        print(f"next: {source.converter.format(folder)}")
    except Fault as error:
        trust = "its checksum is compared" if source.sum else "no checksum is published, so you have to trust it"
        anew = f"; without {part} it begins anew" if part.exists() else ""
        sys.exit(
            f"download: {error}{anew}.\nIs the network up? If another place has the same: --mirror URL ({trust}). "
            f"Or put a copy at {place} and give the same command."
        )
    except Refused as error:
        sys.exit(f"download: {error}.")
    except OSError as error:
        sys.exit(f"download: {error}. What was fetched is kept, and the same command goes on from there.")
    except KeyboardInterrupt:
        kept = f"{part} keeps {human(part.stat().st_size)}; the" if part.exists() else "Nothing is kept. The"
        print(f"\ndownload: stopped. {kept} same command goes on from there.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
