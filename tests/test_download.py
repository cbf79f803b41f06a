"""Downloads from a server of our own that misbehaves, and archives that nobody should unpack. No network is needed."""

import errno
import gzip
import hashlib
import importlib.util
import io
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "data_scripts" / "download.py"
_spec = importlib.util.spec_from_file_location("download", SCRIPT)
download = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(download)

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX signals, a shell and limits")
NOISE = np.random.default_rng(0).bytes(3_000_000)  # does not compress, so an archive of it is as long
FILES = {"data/noise.bin": NOISE, "data/lists/train.txt": b"video1\nvideo2\n", "data/empty": b""}


# ---------------------------------------------------------------------------------------------------------- the server


class Handler(BaseHTTPRequestHandler):
    """Serves ``server.data`` as ``server.how`` says, and writes down what was asked of it and how much it sent."""

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, body):
        how, data = self.server.how, self.server.data
        asked = self.headers.get("Range")
        entry = {"method": self.command, "range": asked, "path": self.path, "sent": 0}
        self.server.log.append(entry)
        time.sleep(how.get("wait", 0))
        if how.get("status"):
            return self.send_error(how["status"].pop(0))
        if not body and how.get("head"):
            return self.send_error(how["head"])
        if self.path == "/moved" or how.get("redirect"):
            self.send_response(302)
            self.send_header("Location", how.get("redirect") or "/archive")
            return self.end_headers()
        begin, tag = 0, how.get("tag", '"1"')
        if body and how.get("tags"):
            tag = how["tags"].pop(0)
        if asked and how.get("ranges", True) and self.headers.get("If-Range", tag) == tag:
            begin = int(asked.removeprefix("bytes=").removesuffix("-"))
            if begin >= len(data):
                return self.send_error(416)
            self.send_response(206)
            self.send_header("Content-Range", how.get("place", f"bytes {begin}-{len(data) - 1}/{len(data)}"))
        else:
            self.send_response(how.get("ok", 200))
        if tag:
            self.send_header("ETag", tag)
        length = how.get("length", len(data))
        if isinstance(length, int):
            self.send_header("Content-Length", str(length - begin))
        elif length == "chunked" and body:
            self.send_header("Transfer-Encoding", "chunked")
        elif length == "chunked":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not body:
            return
        stop = min(len(data), begin + how["drop"].pop(0)) if how.get("drop") else len(data)
        try:
            while length == "chunked" and entry["sent"] < 30_000_000:  # for ever, from where the other side stands
                self.wfile.write(b"10000\r\n" + bytes(65536) + b"\r\n")
                entry["sent"] += 65536
            for at in range(begin, stop, 65536):
                block = data[at : min(at + 65536, stop)]
                entry["sent"] += len(block)  # before it goes out: the other side may be done before this thread is
                self.wfile.write(block)
                time.sleep(how.get("slow", 0))
        except OSError:
            pass  # the other side hung up


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.data, self.how, self.log = b"", {}, []
        self.url = f"http://127.0.0.1:{self.server_port}/archive"

    @property
    def sent(self):
        return sum(entry["sent"] for entry in self.log)

    @property
    def ranges(self):
        return [entry["range"] for entry in self.log if entry["method"] == "GET"]


def zipped(files=FILES, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(files=FILES, mode="w:gz", **fields):
    """A tar of ``files``; ``fields`` change the header of a file called "odd"."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=fields.pop("format", tarfile.PAX_FORMAT)) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if fields:
            member = tarfile.TarInfo("odd")
            for field, value in fields.items():
                setattr(member, field, value)
            # the header alone: since Python 3.13 addfile() refuses one that promises content and brings none
            header = member.tobuf(archive.format, archive.encoding, archive.errors)
            archive.fileobj.write(header)
            archive.offset += len(header)
    return out.getvalue()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "WAIT", 0.001)
    server = Server()
    server.data = zipped()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    use(monkeypatch, server.url)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def use(monkeypatch, url, **more):
    """Make ``toy`` the one collection there is."""
    source = download.Source("toys", url + "/toy.zip", "not stated", "python convert.py {}", **more)
    monkeypatch.setattr(download, "SOURCES", {"toy": source, "memad": download.SOURCES["memad"]})


@pytest.fixture
def get(tmp_path, capsys, request, monkeypatch):
    """``get(...)`` runs the script, gives its exit message ("" if it went well) and its output."""

    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def run(*arguments, name="toy", yes=True, mirror="server", tries=5, timeout=30):
        monkeypatch.setattr(download, "TRIES", tries)
        monkeypatch.setattr(download, "TIMEOUT", timeout)
        more = ["--yes"] if yes else []
        if mirror == "server":
            more += ["--mirror", request.getfixturevalue("server").url]
        try:
            download.main([name, "--to", str(tmp_path / "data"), *more, *map(str, arguments)])
            message = ""
        except SystemExit as error:
            message = str(error)
        said = capsys.readouterr()
        return message, said.out + said.err

    return run


def listed(folder):
    """What is in ``folder``, without the lock file."""
    return sorted(name for name in os.listdir(folder) if name != ".download.lock")


def unpacked(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def left_in(tmp_path):
    return sorted(
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.name != ".download.lock"
    )


# ------------------------------------------------------------------------------------------------- the ordinary course


def test_what_there_is(capsys):
    download.main([])
    said = capsys.readouterr().out
    for name, source in download.SOURCES.items():
        assert name in said and source.terms in said
    assert said.count("sha1") == 4 and "none published" in said and "convert_memad.py data/memad" in said


def test_fetched_recorded_unpacked(server, get, tmp_path):
    message, said = get()
    assert message == "" and unpacked(tmp_path / "data/toy") == FILES
    assert f"{len(server.data):,} bytes" in said and "not stated" in said and "next: python convert.py" in said
    digest = hashlib.sha256(server.data).hexdigest()
    assert digest in said and (tmp_path / "data/toy.zip.sha256").read_text() == f"{digest}  toy.zip\n"
    assert listed(tmp_path / "data") == ["toy", "toy.zip", "toy.zip.sha256"]
    requests = len(server.log)
    message, said = get()
    assert message == "" and "exists" in said and len(server.log) == requests


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_tar(server, get, tmp_path, mode):
    server.data = tarred({f"./{name}": content for name, content in FILES.items()}, mode, type=tarfile.DIRTYPE)
    assert get()[0] == "" and unpacked(tmp_path / "data/toy") == FILES
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o111 == 0 for path in (tmp_path / "data/toy").rglob("*.*"))


@pytest.mark.parametrize("answer, goes_on", [("n\n", False), ("\n", False), ("y\n", True), ("", False)])
def test_asked(server, get, tmp_path, monkeypatch, answer, goes_on):
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    message, _ = get(yes=False)
    assert goes_on or ("--yes" in message and server.sent == 0 and left_in(tmp_path) == [])
    assert (message == "") is goes_on and (tmp_path / "data/toy").exists() is goes_on


def test_an_archive_brought_by_hand(server, get, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/toy.zip").write_bytes(server.data)
    message, said = get(mirror=None)
    assert message == "" and unpacked(tmp_path / "data/toy") == FILES and server.log == []
    shutil.rmtree(tmp_path / "data/toy")
    (tmp_path / "data/toy.zip").write_bytes(server.data[:-9])  # it is the user's: not touched
    message, said = get(mirror=None)
    assert "sha256" in message and (tmp_path / "data/toy.zip").exists() and not (tmp_path / "data/toy").exists()


# -------------------------------------------------------------------------------------------- a server that misbehaves


def test_a_connection_that_drops(server, get, tmp_path):
    server.how["drop"] = [1_000_000, 500, 700_000, 1, 1, 1]  # three in a row bring nothing; five may
    message, said = get()
    assert message == "" and unpacked(tmp_path / "data/toy") == FILES
    assert server.ranges[:3] == [None, "bytes=1000000-", "bytes=1000500-"]
    assert server.sent == len(server.data)  # not a byte twice


def test_it_gives_up(server, get, tmp_path):
    server.how["drop"] = [100] * 99
    message, _ = get(tries=3)
    assert "Connection broken" in message and "--mirror" in message and "toy.zip and run the same" in message
    assert listed(tmp_path / "data") == ["toy.zip.part", "toy.zip.part.json"]
    server.how.clear()
    message, said = get()  # another day
    assert message == "" and server.ranges[-1] == "bytes=300-" and server.sent == len(server.data)
    assert unpacked(tmp_path / "data/toy") == FILES


def test_a_server_without_ranges(server, get, tmp_path):
    server.how |= {"ranges": False, "drop": [1_000_000]}
    assert get()[0] == "" and unpacked(tmp_path / "data/toy") == FILES
    assert server.ranges == [None, "bytes=1000000-"]


def test_at_most_twice_the_size(server, get, tmp_path):
    server.how |= {"ranges": False, "drop": [2_000_000] * 99}
    message, _ = get(tries=99)
    assert "restarts each time" in message and server.sent < 3 * len(server.data)
    assert not (tmp_path / "data/toy.zip").exists()


@pytest.mark.parametrize("tag", ['"2"', None, 'W/"1"'])
def test_a_part_of_another_file(server, get, tmp_path, tag):
    server.how["drop"] = [1_000_000] + [0] * 99
    get(tries=1)
    server.how = {"tag": tag}
    server.data = zipped({"new": NOISE[::-1]})
    message, said = get()
    assert message == "" and "restarting" in said and server.ranges[-1] is None
    assert unpacked(tmp_path / "data/toy") == {"new": NOISE[::-1]}


def test_the_file_changes_meanwhile(server, get, tmp_path):
    server.how |= {"drop": [1_000_000], "tags": ['"1"', '"2"', '"2"']}  # If-Range is what notices it
    assert get()[0] == "" and server.ranges == [None, "bytes=1000000-"] and unpacked(tmp_path / "data/toy") == FILES
    assert server.sent == 1_000_000 + len(server.data)


@pytest.mark.parametrize("known, tag", [(False, None), (True, None), (False, 'W/"1"')])
def test_resumed_blindly_only_if_a_sum_will_tell(server, get, tmp_path, monkeypatch, known, tag):
    use(monkeypatch, server.url, sha1=hashlib.sha1(server.data).hexdigest() if known else None)
    server.how |= {"tag": tag, "drop": [1_000_000]}
    assert get()[0] == "" and server.ranges == [None, "bytes=1000000-" if known else None]
    assert unpacked(tmp_path / "data/toy") == FILES


@pytest.mark.parametrize(
    "place", ["bytes 0-2999999/3000000", "bytes 999999-5/9", "items 1000000-2/3", "bytes 1000000-1000001/77", ""]
)
def test_a_piece_from_elsewhere(server, get, tmp_path, place):
    server.how |= {"drop": [1_000_000], "place": place}
    message, _ = get()
    assert "asked for the bytes 1000000 to" in message
    assert (tmp_path / "data/toy.zip.part").read_bytes() == server.data[:1_000_000]  # as it was


def test_another_success_than_asked_for(server, get, tmp_path):
    server.how["ok"] = 203
    assert "status 203" in get()[0] and not (tmp_path / "data/toy.zip").exists()


def test_a_length_that_is_too_short(server, get, tmp_path):
    server.how["length"] = len(server.data) - 1000
    message, _ = get()
    assert "damaged" in message and "again" in message and server.sent == len(server.data)
    assert listed(tmp_path / "data") == ["toy.zip.part.json", "toy.zip.refused"]
    server.how.clear()
    assert get()[0] == "" and unpacked(tmp_path / "data/toy") == FILES


@pytest.mark.parametrize("ranges, said", [(True, "416"), (False, "Connection broken")])
def test_a_length_that_is_too_long(server, get, tmp_path, ranges, said):
    server.how |= {"length": len(server.data) + 1000, "ranges": ranges}
    message, _ = get(tries=2)
    part = tmp_path / "data/toy.zip.part"
    assert said in message and f"without {part} it restarts" in message and part.read_bytes() == server.data
    assert not (tmp_path / "data/toy.zip").exists()


def test_no_length(server, get, tmp_path):
    server.how["length"] = None
    message, _ = get()
    assert "--limit" in message and left_in(tmp_path) == []
    message, _ = get("--limit", 0.001)
    assert "more than the 1.00MB" in message and (tmp_path / "data/toy.zip.part").stat().st_size < 1_000_001
    assert get("--limit", 0.01)[0] == "" and unpacked(tmp_path / "data/toy") == FILES


def test_a_body_without_end(server, get, tmp_path):
    server.how["length"] = "chunked"
    message, _ = get()
    assert "more than the 3.00MB" in message and "agreed" in message
    assert (tmp_path / "data/toy.zip.part").stat().st_size <= len(server.data)
    time.sleep(0.1)
    assert server.sent < 4 * len(server.data)  # the rest is what the sockets held


def test_larger_than_published(server, get, tmp_path, monkeypatch):
    use(monkeypatch, server.url, size=1_000_000)
    assert "more than the 1.10MB expected" in get()[0] and left_in(tmp_path) == [] and server.sent == 0
    assert "more than the 2.00MB expected" in get("--limit", 0.002)[0] and server.sent == 0
    assert get("--limit", 0.01)[0] == ""


def test_not_found(server, get, tmp_path):
    server.how["status"] = [404] * 9
    message, _ = get()
    assert "404" in message and server.url in message and "--mirror" in message and len(server.log) == 2
    assert left_in(tmp_path) == []


def test_out_of_order(server, get, tmp_path):
    server.how["status"] = [503] * 3
    message, _ = get(tries=3)
    assert "503" in message and "tried 3 times" in message and "--mirror" in message and len(server.log) == 3
    server.how["status"] = [503, 500, 429]  # for a while
    message, said = get()
    assert message == "" and "503" in said and unpacked(tmp_path / "data/toy") == FILES


def test_silence(server, get, tmp_path):
    server.how["wait"] = 0.5
    message, _ = get(tries=2, timeout=0.1)
    assert "timed out" in message and "--mirror" in message


def test_nobody_there(get, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "WAIT", 0.001)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    use(monkeypatch, "http://x")
    message, _ = get("--mirror", f"http://127.0.0.1:{port}/x", mirror=None)
    assert "Connection refused" in message and str(port) in message and "--mirror" in message
    assert "no checksum is published" in message and left_in(tmp_path) == []


@pytest.mark.parametrize(
    "url", ["file:" + "///etc/passwd", "ftp://x/y", "x.zip", "http://", "http://a b/c", "http://x:y/"]
)
def test_addresses_that_are_none(get, tmp_path, monkeypatch, url):
    use(monkeypatch, "http://x")
    message, _ = get("--mirror", url, mirror=None)
    assert url.removeprefix("http://").split("/")[0] in message.replace("%20", " ") and left_in(tmp_path) == []


def test_sent_on(server, get, tmp_path):
    server.how["drop"] = [1_000_000]
    message, said = get("--mirror", server.url.replace("archive", "moved"), mirror=None)
    assert message == "" and f"from       {server.url}" in said and unpacked(tmp_path / "data/toy") == FILES
    assert [entry["method"] for entry in server.log][:2] == ["HEAD", "HEAD"] and server.ranges[-1] == "bytes=1000000-"


@pytest.mark.parametrize("to", ["file:" + "///etc/passwd", "ftp://127.0.0.1/x", "/archive", "gopher://x"])
def test_sent_on_to_elsewhere(server, get, tmp_path, to):
    server.how["redirect"] = to  # /archive is sent on to /archive, for ever
    message, _ = get()
    assert (to if to != "/archive" else "redirects") in message and left_in(tmp_path) == []


def test_a_server_that_knows_no_head(server, get, tmp_path):
    server.how["head"] = 405
    assert get()[0] == "" and unpacked(tmp_path / "data/toy") == FILES


# ----------------------------------------------------------------------------------------------------------- checksums


def test_a_published_sum(server, get, tmp_path, monkeypatch):
    use(monkeypatch, server.url, sha1=hashlib.sha1(server.data).hexdigest())
    good, server.data = server.data, zipped({"x": b"from somebody else"})
    message, _ = get()
    assert "sha1" in message and hashlib.sha1(good).hexdigest() in message and "its authors" in message
    assert listed(tmp_path / "data") == ["toy.zip.part.json", "toy.zip.refused"]
    server.data = good
    message, said = get()
    assert message == "" and "as in its authors" not in message and not (tmp_path / "data/toy.zip.sha256").exists()


def test_a_recorded_sum(server, get, tmp_path):
    get()
    shutil.rmtree(tmp_path / "data/toy")
    (tmp_path / "data/toy.zip").unlink()
    server.data = zipped({"x": b"another file one day"})
    message, _ = get()
    assert "sha256" in message and f"remove {tmp_path / 'data/toy.zip.sha256'}" in message
    assert not (tmp_path / "data/toy.zip").exists() and not (tmp_path / "data/toy").exists()
    (tmp_path / "data/toy.zip.sha256").unlink()
    assert get()[0] == "" and unpacked(tmp_path / "data/toy") == {"x": b"another file one day"}


# ---------------------------------------------------------------------------------- archives that nobody should unpack


def zip_with(name="odd", content=b"x", mode=0, **fields):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("good", b"good")
        info.filename = name  # as it is, with NUL and all
        if name == "good":
            archive.NameToInfo.clear()  # or it warns
        archive.writestr(info, content)
        for field, value in fields.items():
            setattr(info, field, value)
    return out.getvalue()


def lying_zip():
    """The central directory says 10 bytes where there are a million."""
    raw = bytearray(zipped({"data": bytes(1_000_000)}, zipfile.ZIP_DEFLATED))
    for mark, offset in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        struct.pack_into("<I", raw, raw.index(mark) + offset, 10)
    return bytes(raw)


def tar_with_a_large_header():
    """80 MB of zeros, gzipped to 80 kB, in a header that says where a name is."""
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 80 << 20
    return gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(header.size) + tarred(mode="w"), 1)


def damaged_header():
    raw = bytearray(tarred({"a": b"a" * 600, "b": b"b" * 600}, "w"))
    at = raw.index(b"b\0\0\0")
    raw[at] = ord("c")  # its checksum no longer fits: to tarfile, the archive ends here
    return gzip.compress(bytes(raw))


def two_names(first, second):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name in (first, second):
            member = tarfile.TarInfo(name)
            member.size = 1
            archive.addfile(member, io.BytesIO(b"x"))
    return out.getvalue()


NAMES = ["../x", "a/../../x", "/etc/x", "a\\..\\x", "C:x", "C:/x", "\\\\host\\x", "a\nb", "a\x1b[2Jb", "a\u202eb", "..",
         "n" * 251, "d/" * 600 + "x", "", "."]  # fmt: skip
HOSTILE = {
    **{f"zip {name[:9]!r}": (lambda name=name: zip_with(name)) for name in NAMES if name},
    **{f"tar {name[:9]!r}": (lambda name=name: tarred({"good": b"good", name: b"x"})) for name in NAMES},
    "zip NUL": lambda: zip_with("a\0b"),
    "zip symbolic link": lambda: zip_with(content=b"/etc/passwd", mode=stat.S_IFLNK | 0o777),
    "zip device": lambda: zip_with(mode=stat.S_IFCHR | 0o666),
    "zip twice": lambda: zip_with("good"),
    "zip encrypted": lambda: zip_with(flag_bits=1),
    "zip lzma": lambda: zipped({"a": b"x"}, method=zipfile.ZIP_LZMA),
    "zip a file is a folder": lambda: zipped({"a": b"x", "a/b": b"y"}),
    "zip lies": lying_zip,
    "zip bomb": lambda: zipped({"data": bytes(8_000_000)}, zipfile.ZIP_DEFLATED),
    "zip many": lambda: zipped({str(i): b"" for i in range(101)}),
    "zip empty": lambda: zipped({}),
    "zip cut": lambda: zipped()[:-30],
    "zip sum": lambda: zipped().replace(NOISE[500:600], bytes(100)),
    "tar symbolic link": lambda: tarred(type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "tar hard link": lambda: tarred(type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "tar hard link within": lambda: tarred(type=tarfile.LNKTYPE, linkname="data/noise.bin"),
    "tar device": lambda: tarred(type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "tar pipe": lambda: tarred(type=tarfile.FIFOTYPE),
    "tar holes": lambda: tarred({"good": b"x"}, format=tarfile.GNU_FORMAT, type=tarfile.GNUTYPE_SPARSE),
    "tar twice": lambda: two_names("a/b", "a/./b"),
    "tar a file is a folder": lambda: two_names("a/b", "a"),
    "tar size": lambda: tarred(size=1 << 60, format=tarfile.GNU_FORMAT),
    "tar negative size": lambda: tarred(size=-1024, format=tarfile.GNU_FORMAT),
    "tar bomb": lambda: tarred({"data": bytes(8_000_000)}),
    "tar header bomb": tar_with_a_large_header,
    "tar bomb at the end": lambda: gzip.compress(tarred(mode="w") + bytes(9_000_000)),
    "tar many": lambda: tarred({str(i): b"" for i in range(101)}),
    "tar cut": lambda: tarred()[:-3000],
    "tar without gzip's end": lambda: tarred()[:-8],
    "tar damaged header": damaged_header,
    "tar sum": lambda: tarred()[:-8] + b"12345678",
    "tar empty": lambda: tarred({}),
    "web page": lambda: b"<!DOCTYPE html><title>Log in</title>",
    "nothing": lambda: b"",
    "noise": lambda: NOISE[:3000],
    "gzip of noise": lambda: gzip.compress(NOISE[:3000]),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_not_unpacked(tmp_path, monkeypatch, kind):
    """CorruptArchive, in bounded memory, and not a file more than before; by net or by hand."""
    monkeypatch.setattr(download, "ENTRIES", 100)
    (tmp_path / "in").mkdir()
    archive = tmp_path / "in/toy.zip"
    archive.write_bytes(HOSTILE[kind]())
    with pytest.raises(download.CorruptArchive, match="toy.zip: "), download.new_folder(tmp_path / "in/toy") as new:
        download.unpack(archive, new)
    assert left_in(tmp_path) == ["in", "in/toy.zip"]


@pytest.mark.parametrize("kind", ["zip '../x'", "tar '/etc/x'", "tar symbolic link", "zip sum", "web page"])
def test_refused_after_the_download(server, get, tmp_path, kind):
    server.data = HOSTILE[kind]()
    message, _ = get()
    assert "Nothing is unpacked" in message and "toy.zip.refused: the same command fetches it again" in message
    assert left_in(tmp_path) == ["data", "data/toy.zip.part.json", "data/toy.zip.refused"]


@pytest.mark.parametrize("make", [lambda files: zipped(files, zipfile.ZIP_DEFLATED), zipped, tarred])
def test_mutants(tmp_path, make):
    """300 archives with a few bytes changed, or cut: refused, or unpacked to exactly what was packed."""
    files = {"a/one.txt": b"one" * 50, "a/two.bin": NOISE[:400], "three": b""}
    whole, g, outcomes = make(files), np.random.default_rng(1), []
    for _ in range(300):
        raw = bytearray(whole)
        for at in g.integers(len(raw), size=g.integers(1, 4)):
            raw[at] = g.integers(256)
        if g.random() < 0.2:
            del raw[g.integers(len(raw)) :]
        (tmp_path / "toy").write_bytes(raw)
        try:
            with download.new_folder(tmp_path / "out") as new:
                download.unpack(tmp_path / "toy", new)
        except download.CorruptArchive:
            outcomes.append(False)
        else:
            assert unpacked(tmp_path / "out") == files
            shutil.rmtree(tmp_path / "out")
            outcomes.append(True)
        assert left_in(tmp_path) == ["toy"]
    assert outcomes.count(False) > 200


# ---------------------------------------------------------------------------------------------- disks and interruption


def test_room(server, get, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=int(2.4 * len(server.data))))
    message, _ = get()
    assert "--to" in message and "free in" in message and server.sent == 0 and left_in(tmp_path) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=int(2.6 * len(server.data))))
    assert get()[0] == ""


def test_a_full_disk(server, get, tmp_path, monkeypatch):
    """It fills while unpacking: nothing half is left, and the same command goes on without fetching again."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)  # by which zipfile writes a member
    message, _ = get()
    assert "No space left" in message and "same command" in message
    assert left_in(tmp_path) == ["data", "data/toy.zip.part", "data/toy.zip.part.json"]
    monkeypatch.undo()
    use(monkeypatch, server.url)
    monkeypatch.setenv("no_proxy", "*")
    assert get()[0] == "" and unpacked(tmp_path / "data/toy") == FILES and server.sent == len(server.data)


def test_a_folder_that_cannot_be(server, get, tmp_path):
    (tmp_path / "data").write_text("a file")
    assert "data" in get()[0] and (tmp_path / "data").read_text() == "a file"


def test_two_at_once(server, get, tmp_path):
    (tmp_path / "data").mkdir()
    with download.folder_lock(tmp_path / "data"):
        assert "another download is at work" in get()[0] and server.sent == 0
    assert get()[0] == ""


def test_left_by_a_killed_run(server, get, tmp_path):
    (tmp_path / "data/.toy.unpacking/data").mkdir(parents=True)
    (tmp_path / "data/.toy.unpacking/data/noise.bin").write_text("half")
    assert get()[0] == "" and unpacked(tmp_path / "data/toy") == FILES
    assert listed(tmp_path / "data") == ["toy", "toy.zip", "toy.zip.sha256"]


@posix
@pytest.mark.parametrize(
    "number, code",
    [(signal.SIGINT, 130), (9, -9)],  # SIGKILL
)
def test_stopped_and_gone_on(server, get, tmp_path, monkeypatch, number, code):
    server.how["slow"] = 0.05
    command = [sys.executable, SCRIPT, "ce-msvd", "--to", tmp_path / "data", "--mirror", server.url, "--yes"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    part = tmp_path / "data/MSVD-experts.tar.gz.part"
    while not (part.exists() and part.stat().st_size > 300_000):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(number)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == code and (f"{part} keeps" in said or number == 9), said
    have = part.stat().st_size
    assert part.read_bytes() == server.data[:have] and have < len(server.data)
    assert listed(tmp_path / "data") == [part.name, part.name + ".json"]
    server.how.clear()
    source = download.SOURCES["toy"]._replace(
        url="http://x/MSVD-experts.tar.gz", sha1=hashlib.sha1(server.data).hexdigest()
    )
    monkeypatch.setitem(download.SOURCES, "toy", source)
    assert get()[0] == "" and server.ranges[-1] == f"bytes={have}-" and unpacked(tmp_path / "data/toy") == FILES


# ----------------------------------------------------------------------------------------------------------------- git


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository laid out like MeMAD's, with a file that is not needed, and a link that leads out."""
    if not shutil.which("git") or os.name != "posix":
        pytest.skip("needs git, and links")
    root = tmp_path_factory.mktemp("memad")
    picsom, captions = root / "PicSOM_prediction/picsom", root / "textual_scores/data_2021/TRECVid Data/dev_set"
    names = ["2020/meta/labels.txt", "2020/features/audioset-527.bin", "2020b/classes/dev", "2020b/classes/test"]
    for path in [captions / "dev_text_descriptions.csv", *(picsom / name for name in names), root / "large/film.mp4"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(NOISE[:1000] if path.name != "film.mp4" else NOISE)
    (picsom / "2020b/classes/training").symlink_to("/etc/passwd")
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", root, *command], check=True, capture_output=True)
    for setting in ("allowFilter", "allowAnySHA1InWant"):  # as GitHub has it: files come when they are asked for
        subprocess.run(["git", "-C", root, "config", f"uploadpack.{setting}", "true"], check=True)
    return root


def test_memad(repository, get, tmp_path):
    message, said = get("--mirror", repository.as_uri(), name="memad", mirror=None, yes=False)
    assert "--yes" in message and "TRECVID" in said and left_in(tmp_path) == []
    message, said = get("--mirror", repository.as_uri(), name="memad", mirror=None)
    assert message == "" and "terms      not stated" in said and "PicSOM_prediction/picsom/2020b" in said
    folder = tmp_path / "data/memad"
    assert f"next: python data_scripts/convert_memad.py {folder}" in said
    assert (folder / "PicSOM_prediction/picsom/2020/features/audioset-527.bin").read_bytes() == NOISE[:1000]
    missing = subprocess.run(["git", "-C", folder, "rev-list", "--objects", "--all", "--missing=print"],
                             check=True, capture_output=True, text=True).stdout.count("?")  # fmt: skip
    assert not (folder / "large").exists() and missing == 1  # and nothing of it was transferred
    link = folder / "PicSOM_prediction/picsom/2020b/classes/training"
    assert not link.is_symlink() and link.read_text() == "/etc/passwd"
    assert listed(tmp_path / "data") == ["memad"]


def test_memad_from_nowhere(get, tmp_path):
    message, _ = get("--mirror", (tmp_path / "none").as_uri(), name="memad", mirror=None)
    assert "says: " in message and "fatal" in message and "--mirror" in message and listed(tmp_path / "data") == []
    message, _ = get("--mirror", "ext::sh -c 'touch " + str(tmp_path / "pwned") + "'", name="memad", mirror=None)
    assert "not allowed" in message and not (tmp_path / "pwned").exists()
    message, _ = get("--mirror", "--upload-pack=touch " + str(tmp_path / "pwned"), name="memad", mirror=None)
    assert message and not (tmp_path / "pwned").exists()


def test_memad_without_git(get, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    message, _ = get(name="memad", mirror=None)
    assert "git is not installed" in message and "put a copy at" in message


@posix
def test_memad_that_grows_or_stalls(get, tmp_path, monkeypatch):
    """A git that writes more than it may is ended, and nothing is left of it; a silent server is left to git."""
    (tmp_path / "bin").mkdir()
    git = tmp_path / "bin/git"
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    git.write_text(
        '#!/bin/sh\nfor last; do :; done\nmkdir -p "$last"\nhead -c 30000000 /dev/zero > "$last/pack" || exit 1\n'
    )
    git.chmod(0o755)
    message, _ = get("--limit", 0.001, name="memad", mirror=None)
    assert "its limit: 1.00MB" in message and listed(tmp_path / "data") == []
    git.write_text('#!/bin/sh\necho "$@"; exit 1\n')
    message, _ = get(name="memad", mirror=None, timeout=7)
    assert "http.lowSpeedLimit=100 -c http.lowSpeedTime=7" in message and listed(tmp_path / "data") == []


@pytest.fixture
def trees(tmp_path, monkeypatch):
    """Two repositories: one whose newest commit has deleted the pictures, one with a table among large files."""
    if not shutil.which("git"):
        pytest.skip("needs git")
    home = tmp_path / "server"

    def git(name, *command):
        who = ["-c", "user.name=x", "-c", "user.email=x@x"]
        done = subprocess.run(["git", "-C", home / name, *who, *command], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    for name, files in {
        "pictures": [f"data/images/{i} é.jpg" for i in range(25)] + ["film.mp4"],
        "captions": ["data/table.txt", "data/0.wav"],
    }.items():
        for i, path in enumerate(files):
            (home / name / path).parent.mkdir(parents=True, exist_ok=True)
            (home / name / path).write_bytes(NOISE[1000 * i : 1000 * i + 1000])
        git(name, "init", "-q")
        git(name, "add", ".")
        git(name, "commit", "-qm", "all")
        for setting in ("allowFilter", "allowAnySHA1InWant"):
            git(name, "config", f"uploadpack.{setting}", "true")
    old = git("pictures", "rev-parse", "HEAD")
    git("pictures", "rm", "-qr", "data/images/0 é.jpg", "data/images/1 é.jpg")
    git("pictures", "commit", "-qm", "fewer")
    repositories = (
        download.Repository("https://github.com/x/pictures", ("data/images",), old),
        download.Repository("https://github.com/x/captions", ("data/table.txt",), git("captions", "rev-parse", "HEAD")),
    )
    source = download.Source("pictures", None, "not stated; not to be passed on", "convert {}", 25_000,
                             repositories=repositories, counts={"images/*.jpg": 25, "table.txt": 1})  # fmt: skip
    monkeypatch.setattr(download, "SOURCES", {"pictures": source})
    monkeypatch.setattr(download, "BATCH", 10)
    return home


def test_two_repositories_at_their_commits(trees, get, tmp_path):
    message, said = get("--mirror", trees.as_uri(), name="pictures", mirror=None, yes=False)
    assert "--yes" in message and "not to be passed on" in said and "25.0kB to fetch" in said
    assert listed(tmp_path) == ["server"]
    message, said = get("--mirror", trees.as_uri(), name="pictures", mirror=None)
    folder = tmp_path / "data/pictures"
    assert message == "" and "25 images/*.jpg" in said and f"next: convert {folder}" in said
    assert (folder / "pictures/data/images/1 é.jpg").read_bytes() == NOISE[1000:2000]
    assert (
        len(list(folder.rglob("*.jpg"))) == 25 and not list(folder.rglob("*.mp4")) and not list(folder.rglob("*.wav"))
    )
    assert (folder / "captions/data/table.txt").exists() and listed(tmp_path / "data") == ["pictures"]


def test_an_interrupted_clone_goes_on(trees, get, tmp_path, monkeypatch):
    """Batches that are complete are kept; a file of one that is not is fetched again, whatever it holds."""
    real, calls = subprocess.run, []

    def run(command, **more):
        calls.append(command)
        if "checkout" in command and sum("checkout" in before for before in calls) == 2:
            (tmp_path / "data/.pictures.fetching/pictures/data/images/9 é.jpg").write_bytes(b"half")
            (tmp_path / "data/.pictures.fetching/pictures/.git/index.lock").write_bytes(b"")
            raise KeyboardInterrupt
        return real(command, **more)

    monkeypatch.setattr(subprocess, "run", run)
    message, said = get("--mirror", trees.as_uri(), name="pictures", mirror=None)
    assert message == "130" and "goes on from there" in said and not (tmp_path / "data/pictures").exists()
    assert f"{tmp_path / 'data/.pictures.fetching'} keeps " in said
    message, said = get("--mirror", trees.as_uri(), name="pictures", mirror=None)
    assert message == "" and sum("checkout" in command for command in calls) == 2 + 2 + 1  # and one for the table
    for i in range(25):
        content = (tmp_path / f"data/pictures/pictures/data/images/{i} é.jpg").read_bytes()
        assert content == NOISE[1000 * i : 1000 * i + 1000]


def test_trees_that_are_there(trees, get, tmp_path):
    message, said = get("--from", trees, name="pictures", mirror=None, yes=False)
    assert "has 23 of 25 images/*.jpg" in message  # the newest commit
    folder = trees / "pictures/data/images"
    for i in range(2):
        (folder / f"{i}.jpg").write_bytes(b"")
    message, said = get("--from", trees, name="pictures", mirror=None, yes=False)
    assert message == "" and f"next: convert {trees}" in said and not (tmp_path / "data").exists()
    message, _ = get("--from", tmp_path / "nowhere", name="pictures", mirror=None)
    assert "has 0 of 25" in message


def test_a_repository_that_lacks_what_is_needed_or_is_larger(trees, get, tmp_path, monkeypatch):
    source = download.SOURCES["pictures"]
    other = source.repositories[1]._replace(paths=("gone.txt",))
    monkeypatch.setitem(download.SOURCES, "pictures", source._replace(repositories=(other,)))
    message, _ = get("--mirror", trees.as_uri(), name="pictures", mirror=None)
    assert "captions has none of gone.txt" in message
    monkeypatch.setitem(download.SOURCES, "pictures", source._replace(counts={"images/*.jpg": 26}))
    message, _ = get("--mirror", trees.as_uri(), name="pictures", mirror=None)
    assert "has 25 of 26 images/*.jpg" in message and not (tmp_path / "data/pictures").exists()
    shutil.rmtree(tmp_path / "data")
    monkeypatch.setitem(download.SOURCES, "pictures", source)
    message, _ = get("--mirror", trees.as_uri(), "--limit", 0.00002, name="pictures", mirror=None)
    assert "agreed to; --limit" in message and not list((tmp_path / "data").rglob("*.jpg"))
