"""Fetch a public collection for its converter: size and terms first, then resumed, checked and unpacked with care.

    python data_scripts/download.py                 # lists the collections
    python data_scripts/download.py ce-msvd         # shows size and terms, asks, fetches; unpacked into data/ce-msvd

Whatever stops it (Ctrl-C, a dropped connection, a full disk), the same command goes on from there. You may put a copy
of the archive from elsewhere where the script would put it: it is then checked and unpacked. No more comes over the
network than the size you agreed to, or twice that if a server cannot resume and has to restart.
"""

import argparse
import gzip
import hashlib
import json
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

try:
    import requests
    from filelock import FileLock, Timeout
    from urllib3.exceptions import HTTPError
except ImportError as error:
    sys.exit(f'download: {error.name} is missing; in the clone of the repository: pip install -e ".[extract]"')

CHUNK = 1 << 16
TRIES, TIMEOUT = 5, 30  # fruitless attempts in a row before it gives up; seconds that a server may be silent
WAIT = 1.0  # seconds before the second try; each further wait is twice as long
PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP errors that may be temporary
UNPACKED = 1.5  # a guess at what features take unpacked, until the archive's own list of sizes can be read
BATCH = 500  # files of a repository that are fetched at a time, so the most that an interruption costs
RATIO, ENTRIES = 20, 100_000  # unpacked : packed, and files in an archive; with more, it is no collection of features
HEADERS = 1 << 21  # bytes that a tar may spend between one file and the next
ODD_NAME = re.compile(r"^/|(^|/)\.\.(/|$)|[\\:]|[^/]{200}|.{1000}", re.S)
#: what the archive modules raise when bytes are wrong
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, struct.error, EOFError, ValueError,
          LookupError, OverflowError, RuntimeError, FileExistsError, NotADirectoryError)  # fmt: skip


class Source(NamedTuple):
    """A collection: where it is, and what its authors say about it (None: nothing)."""

    what: str
    url: str | None
    terms: str
    converter: str  # the command that comes next; {} is the folder
    size: int | None = None  # bytes, about
    sha1: str | None = None
    repositories: tuple["Repository", ...] = ()  # instead of ``url``
    counts: dict[str, int] = {}  # pattern of names -> how many such files the folder has at least


class Repository(NamedTuple):
    """The files and folders that are needed of a git repository, at a commit (None: the newest)."""

    url: str
    paths: tuple[str, ...]
    commit: str | None = None
    whole: bool = False  # --mirror is its own address, not that of a folder of repositories

    @property
    def name(self):
        return self.url.rsplit("/", 1)[1]

    def address(self, mirror):
        """Where it is fetched from."""
        return (mirror if self.whole else f"{mirror.rstrip('/')}/{self.name}") if mirror else self.url


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
        "not stated; MSR-VTT's, LSMDC's and COCO's own terms apply (for LSMDC, ask MPII)",
        "python data_scripts/convert_release.py msrvtt {} -o msrvtt.h5   # or lsmdc, lsmdc-choices, coco",
    ),
    "ce-msrvtt": experts("MSRVTT", None, "9018a9bf215e174c982b997fd4ee140eb0865040"),
    "ce-msvd": experts("MSVD", 1.3, "999ef6e34c9d9ffe15363ade90400741bae5cb34"),
    "ce-didemo": experts("didemo", 1.2, "19dfa1272e5db57191446a0c4fca59d298cb8663"),
    "ce-activity-net": experts("activity-net", 3.7, "2901046fa6a3d6f6393ee0047818e960fcfabd69"),
    "memad": Source(
        "1,500 TRECVID / MediaEval clips of MeMAD-project/media-memorability",
        None,
        "not stated; the clips come under TRECVID's and MediaEval's terms; not to be passed on",
        "python data_scripts/convert_memad.py {} -o memad.h5",
        repositories=(
            Repository(
                "https://github.com/MeMAD-project/media-memorability",
                ("PicSOM_prediction/picsom/2020", "PicSOM_prediction/picsom/2020b", "textual_scores/data_2021"),
                whole=True,
            ),
        ),
    ),
    "msrvtt-frames": Source(
        "frames of 4,827 of MSR-VTT's 10,000 videos, all captions and split lists, from public repositories",
        None,
        "not stated: the frames are their uploaders', the captions Microsoft's; not to be passed on",
        "python data_scripts/convert_msrvtt_frames.py {} -o msrvtt.h5",
        size=282_000_000,
        repositories=(
            Repository(
                "https://github.com/BennoKrojer/imagecode-msrvtt-pairs",
                ("all_concat",),
                "4ecb35fced1f5f902a24d67543b48dc1a78b3f4d",
            ),
            Repository(
                "https://github.com/WingsBrokenAngel/MSR-VTT-DataCleaning",
                ("clean_process/train_val_annotation.zip", "clean_process/test_videodatainfo.json.zip"),
                "f74c5712809535df60db5c56c3e81efb44f81d89",
            ),
            Repository(
                "https://github.com/albanie/collaborative-experts",
                ("misc/datasets/msrvtt",),
                "7eb3b9d362ee313a78cd0a2793c3b6470f8e78f3",
            ),
            Repository(  # the sentences that 1k-A tests with
                "https://github.com/minhhieu121/AIC_benchmark",
                ("MSRVTT_JSFUSION_test.csv",),
                "8faa148f1c770b8cab7dab9d1aa6be3b95b55754",
            ),
        ),
        counts={
            "all_concat/*/concat_*.jpg": 13_086,
            "train_val_annotation.zip": 1,
            "test_videodatainfo.json.zip": 1,
            "*_list_full.txt": 3,
            "*_list_jsfusion.txt": 2,
            "*_list_miech.txt": 2,
            "MSRVTT_JSFUSION_test.csv": 1,
        },
    ),
    "flickr8k": Source(
        "Flickr8k: 8,091 photographs with five captions each, from public repositories",
        None,
        "not stated: the photographs are their Flickr users', under differing licences; not to be passed on",
        "python data_scripts/convert_flickr8k.py {} -o flickr8k.h5",
        size=217_000_000,
        repositories=(
            Repository(
                "https://github.com/RlNZLER/Image-Text-Matching",
                ("data/images",),
                "56a15d913c3f290e2ee896386ece6076c1eea02e",  # later commits have deleted the photographs
            ),
            Repository(
                "https://github.com/quantumnaan/sic_translator",
                ("data/ignore_captions.txt",),
                "d27da85cff2dbf143fcaf365aece667d66c4298f",
            ),
        ),
        counts={"images/*.jpg": 8_091, "ignore_captions.txt": 1},
    ),
}


class DownloadError(Exception):
    """What prevents the download, and how to go on."""


class ServerError(DownloadError):
    """The server or the network is at fault; another server may do better."""


class CorruptArchive(DownloadError):
    """The archive is at fault; unpacking the same bytes again will not help."""


class ConnectionDropped(Exception):
    """A fault that may be temporary."""


human = partial(tqdm.format_sizeof, suffix="B")
progress = partial(tqdm, unit="B", unit_scale=True, disable=None)


class Remote(NamedTuple):
    """What a server says about a file: its bytes (None: it does not say), and its ETag or date (or "")."""

    url: str
    size: int | None
    validator: str


def request(url, method="GET", **headers):
    """(the server's answer, with its body unread; what it says about the file)."""
    headers |= {"User-Agent": "mee-download", "Accept-Encoding": "identity"}
    response = requests.request(method, url, headers=headers, stream=True, timeout=TIMEOUT, allow_redirects=True)
    if response.status_code in PASSING:
        raise ConnectionDropped(f"{url} answers {response.status_code} {response.reason}")
    response.raise_for_status()
    length, tag = (response.headers.get(name, "") for name in ("Content-Length", "ETag"))
    known = re.fullmatch("[0-9]{1,18}", length) and "Transfer-Encoding" not in response.headers
    if not tag.startswith('"'):  # a weak ETag, W/"...", does not promise the same bytes
        tag = response.headers.get("Last-Modified", "")
    return response, Remote(response.url, known and int(length) or None, tag)


def probe(url):
    """What the server says about ``url``, without fetching it."""
    try:
        remote = request(url, "HEAD")[1]
        if remote.size:
            return remote
    except requests.HTTPError:
        pass
    response, remote = request(url)  # a server that only answers GET: read what it says first, and hang up
    response.close()
    return remote


def retry(attempt, size=lambda: 0):
    """``attempt()`` until no temporary fault stops it; ServerError after ``TRIES`` in a row that added no ``size``."""
    failures, best = 0, size()
    while True:
        try:
            return attempt()
        except (ConnectionDropped, requests.ConnectionError, requests.Timeout, HTTPError) as error:
            failures = 1 if size() >= best + CHUNK else failures + 1
            best = max(best, size())
            if failures >= TRIES:
                raise ServerError(f"{error} (tried {TRIES} times)") from None
            pause = min(WAIT * 2 ** (failures - 1), 60)
            print(f"{error}; again in {pause:g} s", file=sys.stderr)
            time.sleep(pause)
        except (requests.RequestException, UnicodeError) as error:  # refused, or no http address, here or in a redirect
            raise ServerError(str(error)) from None


def fetch(url, part, remote, most, checked):
    """Fetch ``url`` into the file ``part``, going on from what it holds if that is of the same file.

    ``remote`` is what ``probe`` saw, ``most`` the bytes agreed to, ``checked`` whether a known sum catches a mix-up.
    """
    note, traffic = part.with_name(part.name + ".json"), 0

    def size():
        return part.stat().st_size if part.exists() else 0

    def attempt():
        nonlocal remote, traffic
        have = size() if remote.size and (remote.validator or checked) else 0
        if have and have == remote.size:
            return
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and remote.validator:
            headers["If-Range"] = remote.validator  # if it is another file by now: all of it, please
        response, now = request(url, **headers)
        if have and response.status_code == 206:
            place = response.headers.get("Content-Range", "")
            if place not in (f"bytes {have}-{remote.size - 1}/{total}" for total in (remote.size, "*")):
                raise ServerError(f"asked for the bytes {have} to {remote.size}, but the server announced: {place}")
        elif response.status_code == 200:
            have, remote = 0, now._replace(size=now.size or remote.size)
        else:
            raise ServerError(f"{url} answers with the unexpected status {response.status_code}")
        bar = progress(desc=part.stem, total=remote.size, initial=have)
        with response, bar, open(part, "ab" if have else "wb") as out:
            # once the file is empty, in case it is another one by now
            note.write_text(json.dumps([url, *remote[1:]]), encoding="utf-8")
            for block in response.raw.stream(CHUNK, decode_content=False):
                have, traffic = have + len(block), traffic + len(block)
                if have > most:
                    raise ServerError(f"the server sends more than the {human(most)} that were agreed to")
                if traffic > 2 * most:
                    raise ServerError(f"the server restarts each time: {human(traffic)} for {human(most)}")
                out.write(block)
                bar.update(len(block))

    if part.exists() and not (note.exists() and note.read_text(encoding="utf-8") == json.dumps([url, *remote[1:]])):
        print(f"{part} belongs to another file, or to an earlier version of this one: restarting")
        part.unlink()
    retry(attempt, size)


def zip_members(path, folder):
    """(name, bytes, is a folder, is a plain file or folder, function that unpacks it) of each member."""
    with zipfile.ZipFile(path) as archive:
        archive.fp.seek(-min(path.stat().st_size, 1 << 16), os.SEEK_END)
        end = archive.fp.read()
        count = struct.unpack_from("<H", end, end.rindex(b"PK\5\6") + 10)[0]
        if count not in (len(archive.infolist()), 0xFFFF):  # a damaged list loses members, and zipfile says nothing
            raise CorruptArchive(f"{len(archive.infolist())} members in a list of {count}")
        for info in archive.infolist():
            plain = stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)
            plain &= info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others inflate without bound
            plain &= info.header_offset >= 0
            yield info.orig_filename, info.file_size, info.is_dir(), plain, partial(archive.extract, info, folder)


class Metered:
    """A stream that raises CorruptArchive after ``allowed`` bytes, so that no tar header can ask for all memory."""

    def __init__(self, stream):
        self.stream, self.allowed = stream, HEADERS

    def read(self, size):
        block = self.stream.read(size)
        self.allowed -= len(block)
        if self.allowed < 0:
            raise CorruptArchive("it has more bytes than its own sizes account for")
        return block


def tar_members(path, folder):
    """The same of a tar or tar.gz, read from front to back: each must be unpacked before the next is asked for."""
    with open(path, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = Metered(gzip.GzipFile(fileobj=raw) if packed else raw)
        with tarfile.open(fileobj=stream, mode="r|", bufsize=1 << 18) as archive:
            while member := archive.next():
                plain = (member.isreg() or member.isdir()) and not member.issparse() and member.size >= 0
                stream.allowed = member.size + HEADERS
                extract = partial(archive.extract, member, folder, filter="data")
                yield member.name, member.size, member.isdir(), plain, extract
            # tarfile takes a damaged header for the end. After the real end there are only zeros, then gzip's own
            # checksum.
            while rest := archive.fileobj.read(CHUNK):
                if rest.strip(b"\0"):
                    raise CorruptArchive("damaged in the middle")


def unpack(path, folder):
    """Unpack a zip, tar or tar.gz into the empty ``folder``; CorruptArchive at the first thing that is wrong."""
    most, total = RATIO * path.stat().st_size + HEADERS, 0
    try:
        with open(path, "rb") as file:
            members = zip_members if file.read(2) == b"PK" else tar_members
        with progress(desc="unpacking") as bar:
            for count, (name, size, is_folder, plain, extract) in enumerate(members(path, folder), 1):
                if not plain:
                    raise CorruptArchive(f"{name!r} is a link, a device, or packed in an unusual way")
                if not name.isprintable() or ODD_NAME.search(name):
                    raise CorruptArchive(f"the name {name[:99]!r} leads out of the folder, or is odd")
                if (folder / name).exists() and not is_folder:
                    raise CorruptArchive(f"{name!r} occurs twice, or has no name")
                total += size
                if count > ENTRIES or total > most:
                    raise CorruptArchive(f"over {RATIO} times its size unpacked, or over {ENTRIES:,} entries: a bomb?")
                extract()
                bar.update(size)
        if not any(folder.iterdir()):
            raise CorruptArchive("it is empty")
    except CorruptArchive as error:
        raise CorruptArchive(f"{path}: {error}") from None
    except DAMAGE as error:
        raise CorruptArchive(f"{path}: not a zip or tar, or a damaged one ({error})") from None


@contextmanager
def new_folder(folder):
    """A temporary folder that becomes ``folder`` if the block ends well, and is removed if it does not."""
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)  # left by a run that was killed
    temporary.mkdir()
    try:
        yield temporary
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def folder_lock(folder):
    """Keep other downloads from writing into ``folder`` for the length of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".download.lock", timeout=0):
            yield
    except Timeout:
        raise DownloadError(f"another download is at work in {folder}: wait, or name another place with --to") from None


def describe(name, source):
    """What is known about a source without a network."""
    size = f"{human(source.size)}, say its authors" if source.size else "not stated; the server is asked"
    known = f"sha1 {source.sha1}" if source.sha1 else "none published; the sha256 is recorded the first time"
    if source.repositories:
        size, known = "not stated; tens of MB are needed, and it stops at 1 GB (--limit)", "git's own"
        if source.size:
            size = f"{human(source.size)} to fetch; twice that on disk, because git keeps its own copy"
    return f"{name}: {source.what}\n  size       {size}\n  checksum   {known}\n  terms      {source.terms}"


def agree(options, folder, size, what):
    """Ask whether to go on, once there is room; DownloadError if not."""
    place = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if size > (free := shutil.disk_usage(place).free):
        where = f"free in {place}: {human(free)}. Make room, or name another place with --to"
        raise DownloadError(f"{what}: {human(size)}; {where}")
    try:
        answer = "yes" if options.yes else input("Go on? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise DownloadError("nothing done. --yes agrees to the size and terms above")


def get_repositories(source, place, folder, options):
    """Show the terms, ask, and fetch what is needed of git repositories, a batch of files at a time."""
    most = int((options.limit or 1) * 1e9)
    for repository in source.repositories:
        commit = f" at {repository.commit[:12]}" if repository.commit else ""
        print(f"  from       {repository.address(options.mirror)}{commit}\n  needed     {', '.join(repository.paths)}")
    print(f"  into       {folder}")
    agree(options, folder, max(2 * (source.size or 0), most), "the most that the clone may take")
    part = fetching(folder)
    with folder_lock(folder.parent):
        part.mkdir(exist_ok=True)
        try:
            for repository in source.repositories:
                get_clone(repository, part, most, options)
            check_counts(source, part)
            # a single repository becomes the folder itself
            os.rename(part / source.repositories[0].name if len(source.repositories) == 1 else part, folder)
        finally:
            if part.exists() and not any(path.is_dir() for path in part.iterdir()):
                part.rmdir()


def get_clone(repository, part, most, options):
    """Fetch the paths of ``repository`` into a folder of its name in ``part``; files that it already has are kept."""
    url, clone = repository.address(options.mirror), part / repository.name
    if os.name == "posix":
        import resource

        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (most, most))
    else:  # Windows limits no file's size: git's pack could grow beyond --limit, which is seen when it is complete
        limit = None
    # a link in a repository could point anywhere; git must not tell the server which commits it has, since it has them
    # without their files (noop); and git gives up on a server that stays silent too long
    command = ["git", "-c", "core.symlinks=false", "-c", "gc.auto=0", "-c", "fetch.negotiationAlgorithm=noop"]
    command += ["--literal-pathspecs", "-c", "http.lowSpeedLimit=100", "-c", f"http.lowSpeedTime={TIMEOUT}"]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}

    def git(*arguments, stdin=""):
        try:
            done = subprocess.run(
                [*command, *arguments], input=stdin, capture_output=True, text=True, errors="surrogateescape",
                env=environment, preexec_fn=limit,
            )  # fmt: skip
        except FileNotFoundError:
            raise ServerError("git is not installed (apt install git, brew install git)") from None
        if done.returncode:
            output = " ".join((done.stdout + done.stderr).split())[-300:] or done.returncode
            raise ServerError(f"git (its limit: {human(most)}, see --limit) says: {output}")
        return done.stdout

    if not clone.exists():  # first the commit and its list of files, without the files
        with new_folder(clone) as new:
            git("clone", "--depth=1", "--filter=blob:none", "--no-checkout", "--quiet", "--", url, str(new))
            if repository.commit:
                fetch = "fetch", "--depth=1", "--filter=blob:none", "--quiet", "origin", repository.commit
                git("-C", str(new), *fetch)
                git("-C", str(new), "update-ref", "--no-deref", "HEAD", repository.commit)
    inside = "-C", str(clone)
    (clone / ".git/index.lock").unlink(missing_ok=True)  # left by a killed git: there is no other, we hold the lock
    listed = git(*inside, "ls-tree", "-r", "-z", "HEAD", "--", *repository.paths).split("\0")[:-1]
    # a file is in the index once its batch is complete; one that is only on disk may be half a file
    there = set(git(*inside, "ls-files", "-z").split("\0"))
    wanted = {name: info.split()[2] for info, name in (line.split("\t", 1) for line in listed)}
    lacking = [name for name in wanted if name not in there]
    if not wanted:
        raise DownloadError(f"{url} has none of {', '.join(repository.paths)}")
    with tqdm(total=len(wanted), initial=len(wanted) - len(lacking), desc=clone.name, unit="file", disable=None) as bar:
        for start in range(0, len(lacking), BATCH):
            names = lacking[start : start + BATCH]
            batch = "fetch", "--filter=blob:none", "--no-tags", "--no-write-fetch-head", "--quiet", "--stdin", "origin"
            git(*inside, *batch, stdin="".join(f"{wanted[name]}\n" for name in names))
            git(*inside, "checkout", "--quiet", "HEAD", "--pathspec-from-file=-", "--pathspec-file-nul",
                stdin="\0".join(names))  # fmt: skip
            if (size := size_of(clone / ".git/objects")) > most:
                shutil.rmtree(clone)
                raise DownloadError(
                    f"{url}: {human(size)} is more than the {human(most)} that you agreed to; --limit raises it"
                )
            bar.update(len(names))


def fetching(folder):
    """Where repositories grow until they are complete and become ``folder``."""
    return folder.with_name(f".{folder.name}.fetching")


def size_of(path):
    """Bytes of the file ``path``, or of all files below it."""
    return sum(p.lstat().st_size for p in (path, *path.rglob("*")) if not p.is_dir())


def check_counts(source, folder):
    """DownloadError if ``folder`` has fewer files of some kind than the collection."""
    for pattern, count in source.counts.items():
        if (found := sum(1 for _ in folder.glob(f"**/{pattern}"))) < count:
            raise DownloadError(
                f"{folder} has {found:,} of {count:,} {pattern}. Fetch it again, into another place "
                "(--to); with --from, name the folder that has all trees in it"
            )
        print(f"{found:,} {pattern}")


def get_archive(source, archive, folder, options):
    """Show the terms, ask, fetch, check and unpack; an archive that exists is not fetched."""
    if archive.exists():
        print(f"  {archive} exists: it is checked and unpacked into {folder}")
        agree(options, folder, int(UNPACKED * archive.stat().st_size), "what is in it, at a guess")
        with folder_lock(folder.parent):
            return verify_and_unpack(source, archive, archive, folder)
    url, part = options.mirror or source.url, archive.with_name(archive.name + ".part")
    remote = retry(lambda: probe(url))
    size = f"{human(remote.size)} ({remote.size:,} bytes)" if remote.size else "nothing"
    already = part.stat().st_size if part.exists() else 0
    print(f"  from       {remote.url}\n  its server says of the size: {size}")
    print(f"  into       {archive}" + f", of which {human(already)} are fetched" * bool(already))
    print(f"  unpacked   {folder}")
    allowed = int(options.limit * 1e9) if options.limit else source.size and int(1.1 * source.size)
    if remote.size and allowed and remote.size > allowed:
        raise DownloadError(f"{size} is more than the {human(allowed)} expected. If that is right: --limit, in GB")
    most = remote.size or allowed
    if not most:
        raise DownloadError("the server does not say how large it is. To fetch, say, at most 5 GB: --limit 5")
    needed = max(most - already, 0) + int(UNPACKED * most)
    agree(options, folder, needed, "the archive and, at a guess, what is in it")
    with folder_lock(folder.parent):
        fetch(url, part, remote, most, bool(source.sha1))
        verify_and_unpack(source, part, archive, folder)


def verify_and_unpack(source, path, archive, folder):
    """Check and unpack ``path``; ``archive`` and ``folder`` get their names only if all of it is right."""
    record = archive.with_name(archive.name + ".sha256")
    algorithm, expected, by = ("sha1", source.sha1, "its authors") if source.sha1 else ("sha256", None, record)
    if not source.sha1 and record.exists():
        expected = record.read_text(encoding="utf-8")[:64]
    print(f"checking {path}")
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, algorithm).hexdigest()
        if expected and digest != expected:
            raise CorruptArchive(f"{path} has the {algorithm} {digest}, not {expected} as in {by}")
        with new_folder(folder) as new:
            unpack(path, new)
            if not expected:
                record.write_text(f"{digest}  {archive.name}\n", encoding="utf-8")
            os.replace(path, archive)
    except CorruptArchive as error:
        left, then = archive, "move it away, and the same command fetches a new one"
        if path != archive:
            left, then = archive.with_name(archive.name + ".refused"), "the same command fetches it again (or --mirror)"
            os.replace(path, left)
        if by == record and expected:
            then += f"; if its authors changed it and you trust that, remove {record}"
        raise DownloadError(f"{error}.\nNothing is unpacked. The archive is left as {left}: {then}") from None
    path.with_name(path.name + ".json").unlink(missing_ok=True)
    print(f"{algorithm} {digest}" + (f", as in {by}" if expected else f": recorded in {record}, none is published"))
    print(f"{archive} is no longer needed: removing it frees {human(archive.stat().st_size)}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("name", nargs="?", choices=SOURCES, help="which collection; without it, all are listed")
    add("--to", type=Path, default=Path("data"), help="the folder to put it into (default: data)")
    add("--mirror", metavar="URL", help="fetch the same archive or repository from here (of several: their folder)")
    add("--yes", action="store_true", help="agree to size and terms without being asked")
    add("--limit", type=float, metavar="GB", help="fetch no more than this, whatever the server says")
    add("--from", dest="source", type=Path, metavar="FOLDER", help="fetch nothing, but check the trees in this folder")
    options = parser.parse_args(arguments)
    if not options.name:
        for name, source in SOURCES.items():
            print(f"{describe(name, source)}\n  then       {source.converter.format('data/' + name)}\n")
        print("The authors of collaborative-experts give their features of LSMDC to those who may use LSMDC.")
        return
    source, folder = SOURCES[options.name], options.to / options.name
    get, place = get_repositories, folder
    if not source.repositories:
        get, place = get_archive, options.to / Path(source.url).name
    part = fetching(folder) if source.repositories else place.with_name(place.name + ".part")
    try:
        if options.source:
            folder = options.source
            check_counts(source, folder)
            print(f"{folder} has what is needed")
        elif folder.exists():
            print(f"{folder} exists; move it away to fetch it again")
        else:
            print(describe(options.name, source))
            get(source, place, folder, options)
            print(f"{folder} is ready")
        print(f"next: {source.converter.format(folder)}")
    except ServerError as error:
        trust = "its checksum is compared" if source.sha1 else "no checksum is published, so you have to trust it"
        restart = f"; without {part} it restarts" if part.exists() else ""
        sys.exit(
            f"download: {error}{restart}.\nIs the network up? If another place has the same: --mirror URL ({trust}). "
            f"Or put a copy at {place} and run the same command."
        )
    except DownloadError as error:
        sys.exit(f"download: {error}.")
    except OSError as error:
        sys.exit(f"download: {error}. What was fetched is kept, and the same command goes on from there.")
    except KeyboardInterrupt:
        kept = f"{part} keeps {human(size_of(part))}; the" if part.exists() else "Nothing is kept. The"
        print(f"\ndownload: stopped. {kept} same command goes on from there.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
