"""The search page: what the service answers, without a browser; then the page in one, as a reader would use it."""

import argparse
import dataclasses
import importlib.util
import re
import shutil
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import av
import cv2
import h5py
import make_tinyclips as films
import numpy as np
import pytest
import torch

from mee.cli import main
from mee.data import Words
from mee.demo import DemoError, SearchService, Videos, service
from mee.demo.page import (
    COLOURED,
    answer_html,
    bar_html,
    build_page,
    clip_html,
    facts_html,
    part_class,
    percent_per_point,
    sentences_html,
)
from mee.demo.service import DEPTH, LIMIT, SHOWN
from mee.evaluate import calibrate, embed
from mee.storage import ClipWriter, load_model, read_clips, save_model
from mee.train import fit_clips

COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0), "grey": (128, 128, 128)}
MOVES, SOUNDS = ("rolls", "jumps", "waits", "turns"), ("bell", "drum", "rain")
MARKUP = "<img src=x onerror=alert(1)>"
TAKEN_OFF = "taken off: fits other sentences, too"
PLANTED = "a red ball jumps while a bell plays"


def facts(i):
    """The colour, the move and the sound (None for a quarter) of clip i of the planted world."""
    return list(COLOURS)[i % 4], MOVES[i // 4 % 4], [*SOUNDS, None][i // 16 % 4]


def source(i):
    """What a file of films from elsewhere tells of clip i: of a green ball something, else nothing."""
    if facts(i)[0] == "green":
        text = ["GREEN", MARKUP, "x" * 300] if i % 8 == 1 else []
        address = f"https://www.youtube.com/watch?v=c{i}"
        return {"file": f"c{i}", "category": "toys & <b>games</b>", "url": address, "start": 137.4, "text": text}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """The folder of a world whose pictures tell the colour, motion the move, audio the sound.

    It has clips.h5, a calibrated model.pt, and the same as bare.pt without its calibration.
    """
    folder, g = tmp_path_factory.mktemp("demo"), np.random.default_rng(0)
    vocabulary = ["a", "ball", "the", "while", "plays", *COLOURS, *MOVES, *SOUNDS]
    vectors = {name: g.normal(size=(4, 12)) for name in ("appearance", "motion", "audio")}
    kinds = {"appearance": ("vector", 12), "motion": ("vector", 12), "audio": ("sequence", 12)}
    words = Words(vocabulary, g.normal(size=(len(vocabulary), 16)))
    with ClipWriter(folder / "clips.h5", kinds, words, title="<b>Planted</b> & co") as out:
        for i in range(256):
            colour, move, sound = facts(i)
            known = {"appearance": [*COLOURS].index(colour), "motion": MOVES.index(move)}
            features = {name: vectors[name][k] + 0.3 * g.normal(size=12) for name, k in known.items()}
            text = f"a {colour} ball {move}"
            captions = [text, f"the {colour} ball", f"the ball {move}"]
            if sound:
                features["audio"] = vectors["audio"][SOUNDS.index(sound)] + 0.3 * g.normal(size=(3, 12))
                captions += [f"{text} while a {sound} plays", f"a {sound} plays"]
            picture = cv2.imencode(".jpg", np.full((48, 64, 3), COLOURS[colour], np.uint8))[1].tobytes()
            id, split = MARKUP if i == 192 else f"c{i}", "train" if i < 128 else "val" if i < 192 else "test"
            out.add(id, split, features, captions, storyboard=[picture] * (3 * (i % 5 > 0)), facts=source(i))
    options = {"epochs": 12, "lr": 1e-2, "dim": 16, "text_clusters": 4, "sequence_clusters": 2, "batch_size": 32}
    clips = read_clips(folder / "clips.h5")
    trained = fit_clips(clips, progress=False, **options)
    save_model(folder / "bare.pt", trained.model, trained.words)
    trained.model.calibration = calibrate(trained.model, clips)
    save_model(folder / "model.pt", trained.model, trained.words)
    return folder


@pytest.fixture(scope="module")
def search(planted):
    model, words = load_model(planted / "model.pt")
    return SearchService(model, read_clips(planted / "clips.h5"), words)


@pytest.fixture(scope="module")
def bare(planted):
    """The service of the model without a calibration."""
    model, words = load_model(planted / "bare.pt")
    return SearchService(model, read_clips(planted / "clips.h5"), words)


def facts_of(search, hits):
    return [facts(search.number[hit.id]) for hit in hits]


# ------------------------------------------------------------------------------------------------- without a browser


@pytest.mark.parametrize("score", [None, "calibrated", "paper"])
def test_the_right_clips_come_first_as_the_model_scores_them(search, score):
    answer = search.answer(PLANTED, score=score)
    assert facts_of(search, answer.hits)[:2] == [("red", "jumps", "bell")] * 2
    assert len(search.index) == 128 and not answer.notes
    assert sum(answer.weights.values()) == pytest.approx(1) and list(answer.weights) == search.experts
    assert answer.full_ranks == list(range(1, SHOWN + 1))
    assert answer.score == (score or "calibrated")
    clip_ids, model = torch.tensor(list(search.number.values())), search.model
    with torch.no_grad():
        embedded = model.embed_text(*search.words.batch([PLANTED])), model.embed_video(*search.clips.video(clip_ids))
        calibration = None if score == "paper" else model.calibration
        best = model.score(*embedded, calibration=calibration)[0].topk(SHOWN)
    assert [search.number[hit.id] for hit in answer.hits] == clip_ids[best.indices].tolist()
    assert [hit.score for hit in answer.hits] == pytest.approx(best.values.tolist(), abs=1e-4)
    for hit in answer.hits:
        assert hit.score == pytest.approx(sum(hit.parts.values()) - hit.hubness, abs=1e-5)


def test_a_model_without_a_calibration_gives_the_papers_score(search, bare, planted):
    assert (search.scores, search.score) == (["calibrated", "paper"], "calibrated")
    assert (bare.scores, bare.score) == (["paper"], "paper")
    hits = bare.answer(PLANTED).hits
    for hit, other in zip(hits, search.answer(PLANTED, score="paper").hits, strict=True):
        assert hit.id == other.id and hit.parts == pytest.approx(other.parts, abs=1e-5)
    clip = hits[0].id
    assert bare.sentences(clip) == search.sentences(clip, score="paper") != search.sentences(clip)
    with pytest.raises(DemoError, match="no calibration: `mee calibrate MODEL CLIPS`"):
        SearchService(bare.model, bare.clips, score="calibrated")
    assert SearchService(search.model, search.clips, score="paper").answer(PLANTED).score == "paper"
    assert "no calibration" in refused(planted / "bare.pt", planted / "clips.h5", "--score", "calibrated")


def test_an_expert_alone_ranks_by_what_it_knows(search):
    for name, column, value in (("appearance", 0, "red"), ("motion", 1, "jumps"), ("audio", 2, "bell")):
        answer = search.answer(PLANTED, [name])
        assert {fact[column] for fact in facts_of(search, answer.hits)} == {value} and answer.weights == {name: 1}
        assert answer.full_ranks != sorted(answer.full_ranks, key=lambda rank: rank or DEPTH)
        assert all(set(hit.weight) == {name} for hit in answer.hits)
    answer = search.answer("a bell plays", ["audio"], k=200)
    assert len(answer.hits) == 96 and all(fact[2] for fact in facts_of(search, answer.hits)), "no clip without audio"


def test_a_sentence_is_embedded_once(search, monkeypatch):
    calls, embed_text = [], search.model.embed_text
    monkeypatch.setattr(search.model, "embed_text", lambda *words: calls.append(1) or embed_text(*words))
    assert search.answer(PLANTED, ["audio"]).hits and len(calls) == 1


@pytest.mark.parametrize("score", ["calibrated", "paper"])
def test_sentences_for_a_clip(search, score):
    def sentences(*arguments, **options):
        return search.sentences(*arguments, score=score, **options)

    clip = next(id for id, i in search.number.items() if facts(i) == ("green", "turns", "drum"))
    found = sentences(clip, k=5)
    assert ("a green ball turns while a drum plays", True) in [(text, own) for text, _, own in found]
    assert [score for _, score, _ in found] == sorted((score for _, score, _ in found), reverse=True)
    number, captions = search.number[clip], search.clips.captions_of(torch.arange(256))[0]
    calibration = search.model.calibration if score == "calibrated" else None
    embedded = embed(search.model, search.clips, captions, torch.tensor([number]))
    scores = search.model.score(*embedded, calibration=calibration)
    assert found[0][1] == pytest.approx(float(scores.max()), abs=1e-5), "as mee.evaluate.embed has it"
    assert all("drum" in text for text, _, _ in sentences(clip, ["audio"], k=4))
    silent = next(id for id, i in search.number.items() if facts(i)[2] is None)
    assert sentences(silent, ["audio"]) == sentences(clip, []) == []
    assert "no expert" in sentences_html(search, silent, ["audio"], score)


def test_sentences_and_clips_score_each_other_alike(search):
    for experts in (None, ["appearance", "audio"]):
        for score in search.scores:
            hit = search.answer(PLANTED, experts, score=score).hits[0]
            found = {text: value for text, value, _ in search.sentences(hit.id, experts, score=score, k=1000)}
            assert found[PLANTED] == pytest.approx(hit.score, abs=1e-4)


def test_kind_answers(search):
    for nothing in ("", "   ", "\0\0", "?!"):
        answer = search.answer(nothing)
        assert not answer.hits and not answer.weights and "examples" in answer.notes[-1]
    answer = search.answer("a zebra and a zebra, and a <b>quagga</b>")
    assert answer.hits and answer.notes == [
        f"Not in the vocabulary of {len(search.words)} words: “zebra”, “and”, “b”, “quagga”; the rest was searched for."
    ]
    answer = search.answer("zebra")
    assert not answer.hits and "“zebra”." in answer.notes[0] and "examples" in answer.notes[1]
    answer = search.answer("a red ball", [])
    assert not answer.hits and "at least one expert" in answer.notes[0]
    answer = search.answer("red ball " * 2000)
    assert len(answer.text) <= LIMIT and str(LIMIT) in answer.notes[0] and answer.hits
    assert "the first 30 known words" in answer.notes[1] and not search.answer("red ball " * 15).notes


HOSTILE = [
    "red " * 2500,
    "x" * 10_000,
    f"red {MARKUP}</p></div><script>alert(1)</script><style>*{{display:none}}</style>",
    "red ball 🎈🧑‍🚀 👩🏿‍🦱",
    "красный мяч 红色的球 كرة حمراء red",
    "red\0 \x1b[31m ball\r\n\u202e rolls \ud800",
    "red ${1+1} {{value}} {% raw %} %s {0} \\",
    "' OR 1=1; -- red",
]


def parts(html):
    """The tags and the attributes that a parser finds."""
    tags, attributes = set(), set()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, pairs: (tags.add(tag), attributes.update(name for name, _ in pairs))
    parser.feed(html)
    return tags, attributes


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_sentences_do_no_harm(search, text):
    answer = search.answer(text)
    ranked = zip(answer.hits, answer.full_ranks, strict=True)
    html = answer_html(answer, 10) + "".join(clip_html(search, hit, 1, full_rank) for hit, full_rank in ranked)
    html.encode()  # travels
    tags, attributes = parts(html)
    assert tags <= set("p ul li b span i h3 div img table tr td th details summary".split()) and "\0" not in html
    assert attributes <= set("class aria-hidden style role aria-label src alt scope colspan".split())
    assert len(html) < 40_000


def test_html_escapes_ids_and_says_in_words_what_it_shows(search):
    answer = search.answer(PLANTED, ["appearance", "audio"])
    html = answer_html(answer, 128)
    for name, weight in answer.weights.items():
        assert re.search(rf"<b>{name}</b> .*?</span> {weight:.2f}</li>", html)
    rank, hit = next((i, hit) for i, hit in enumerate(answer.hits, 1) if search.clips.storyboard(search.number[hit.id]))
    html = clip_html(search, hit, rank, 77, ["motion"])
    assert f"score {hit.score:.2f}, rank 77 with all experts" in html and '<td colspan="3">left out</td>' in html
    assert re.search(r'role="img" aria-label="Pictures of c\d+\. Caption: a \w+ ball \w+"', html)
    assert f"rank beyond {DEPTH} with all" in clip_html(search, hit, rank, None, ["motion"])
    assert all(f"<td>{part:+.2f}</td>" in html for part in hit.parts.values()) and "sentences" not in html
    for score in search.scores:
        answer = search.answer(PLANTED, score=score)
        assert ("clips that do not fit get about 0" in answer_html(answer, 128)) == (score == "calibrated")
        hit, html = answer.hits[0], clip_html(search, answer.hits[0], 1)
        found = re.findall(r'<th scope="row"[^>]*>([^<]+)</th>.*?<td>([+-]\d\.\d\d)</td>', html)
        assert [name for name, _ in found] == [*hit.parts, *[TAKEN_OFF] * (score == "calibrated")]
        total = sum(float(value) for _, value in found)
        assert total == pytest.approx(hit.score, abs=0.03), "the column adds up to the score"
    low = clip_html(search, dataclasses.replace(hit, hubness=-0.25), 1)
    assert "added: fits few other sentences</th><td>+0.25</td>" in low and "taken off" not in low
    negative = bar_html(-0.5)
    assert "minus" in negative and "-0.50" in negative and "50%" in negative and 'aria-hidden="true"' in negative
    hits = {hit.id: hit for hit in search.answer("a red ball rolls", k=128).hits}
    assert "absent in this clip" in clip_html(search, next(hit for hit in hits.values() if len(hit.weight) == 2), 1)
    html = clip_html(search, hits[MARKUP], 1) + sentences_html(search, MARKUP)
    assert MARKUP not in html and html.count("&lt;img src=x onerror=alert(1)&gt;") == 3


def test_bars_of_all_hits_have_one_scale_and_fit(search):
    hits = search.answer(PLANTED).hits
    scale = percent_per_point(hits)
    right = [sum(value for value in hit.parts.values() if value > 0) for hit in hits]
    left = [sum(-value for value in [*hit.parts.values(), -hit.hubness] if value < 0) for hit in hits]
    assert max(right) * scale <= 70.01 and max(left) * scale <= 28.01
    assert max(right) * scale > 69 or max(left) * scale > 27
    html = clip_html(search, hits[0], 1, scale=scale)
    widths = [float(width) for width in re.findall(r'class="part [^"]*" style="width: ([\d.]+)cqw"', html)]
    assert sorted(widths) == pytest.approx(
        sorted(abs(v) * scale for v in [*hits[0].parts.values(), hits[0].hubness]), abs=0.1
    )
    assert [part_class(name, ["audio", "depth", "smell"]) for name in ("audio", "depth", "smell")] == [
        *("part audio", "part other0", "part other1"),
    ]


def test_experts_look_as_in_the_book():
    sys.path.insert(0, str(Path(__file__).parents[1] / "notebooks"))
    from lesson import EXPERTS

    style = (Path(service.__file__).parent / "style.css").read_text()
    assert set(COLOURED) == set(EXPERTS)
    for name, look in EXPERTS.items():
        rule = re.search(rf"\.part\.{name} {{(.*?)}}", style, re.S)[1]
        assert look["color"] in rule, name


def test_facts_become_lines_and_a_link():
    known = {"file": "v", "seconds": 9.5, "category": "food/drink", "text": ["OPEN", " ", "24 <hours>"], "splits": {}}
    assert facts_html(known | {"url": "https://www.youtube.com/watch?v=a&b=c", "start": 137.9, "end": 147.4}) == (
        '<ul class="facts"><li>Words on screen: OPEN / 24 &lt;hours&gt;</li><li>Category: food/drink</li>'
        '<li><a href="https://www.youtube.com/watch?v=a&amp;b=c&amp;t=137s" target="_blank" rel="noopener noreferrer">'
        "Source video on www.youtube.com, from 2:17</a></li></ul>"
    )
    assert facts_html({"category": "music"}) == '<ul class="facts"><li>Category: music</li></ul>'
    assert "<li>Words on screen: 7 7 7" in (long := facts_html({"text": ["7 " * 9] * 900})) and long.count("7") < LIMIT
    assert long.endswith(" ...</li></ul>")
    for url, start, leads_to, words in [
        ("https://youtu.be/a#there", 0, "https://youtu.be/a?t=0s", "youtu.be, from 0:00"),
        ("https://youtube.com/watch?v=a", None, "https://youtube.com/watch?v=a", "youtube.com"),
        ("http://example.org:80/a.mp4#b", 61, "http://example.org:80/a.mp4#b", "example.org, from 1:01"),
        ("https://youtu.be.a.org?b", 5, "https://youtu.be.a.org?b", "youtu.be.a.org, from 0:05"),
    ]:
        html = facts_html({"url": url, "start": start})
        assert f'href="{leads_to}"' in html and f">Source video on {words}</a>" in html


def test_what_is_heard_is_said_in_words():
    """As the captions of TinyClips say it, but for applause, where they have people who clap."""
    for sound in set(films.SOUNDS) - {"applause"}:
        for pitch in films.PITCHES if sound in films.PITCHED else [None]:
            said = service.heard({"sound": sound, "pitch": pitch})
            caption = films.SOUNDS[sound][0].replace("PITCH", pitch or "")
            assert caption.startswith(said.removeprefix("Heard throughout: ") + " "), said
    assert service.heard({"sound": "silence"}) == "Heard: nothing"
    assert not any(map(service.heard, ({}, {"sound": None}, {"sound": 7}, {"sound": " "})))
    tiny = read_clips(service.TINYCLIPS).facts
    assert facts_html(tiny[0]) == '<ul class="facts"><li>Heard throughout: a high engine</li></ul>'
    assert all(f"<li>{service.heard(each)}</li>" in facts_html(each) for each in tiny)


def test_clips_without_such_facts_look_as_before(search):
    hits = {hit.id: clip_html(search, hit, 1) for hit in search.answer("a ball", k=128).hits}
    told = {id for id, html in hits.items() if 'class="facts"' in html}
    assert len(hits) == 128 and told == {f"c{i}" for i in range(128, 256) if source(i)}


NOT_ADDRESSES = [
    *("javascript:alert(1)", "JavaScript://a.org/%0aalert(1)", "data:text/html,x", "//a.org"),
    *("file:" + "///etc/passwd",),
    *("https:a.org", "https://", " https://a.org", "https://a.org\n", "java\nscript:alert(1)", "https://a.org/\0"),
    *("https://www.youtube.com@a.org/", "https://a.org\\@www.youtube.com/", "https://www.y\u043eutube.com/"),
    *("https://a.org/\ud800", "https://a.org/\u202e", "https://[", MARKUP),
]
HOSTILE_FACTS = [
    *(None, True, 7, -1, 10**400, float("nan"), float("inf"), "", "\0", "half \ud800", "left \u202e", "</ul></div>"),
    *([], [None, 1, [MARKUP], {}], [MARKUP, "\0"], {}, {"category": MARKUP}, {"text": {"0": MARKUP}}, *NOT_ADDRESSES),
    *('https://a.org/"onclick="alert(1)', "https://a.org/'><script>alert(1)</script>", "https://a.org/?a=1&lt;"),
]
FACTS = ("category", "text", "url", "start", "sound", "pitch")


@pytest.mark.parametrize("value", HOSTILE_FACTS)
def test_hostile_facts_do_no_harm(value):
    address = "https://www.youtube.com/watch?v=a"
    tried = [value, dict.fromkeys(FACTS, value), *({name: value} for name in FACTS), {"url": address, "start": value}]
    html = "".join(map(facts_html, tried))
    html.encode()  # travels
    tags, attributes = parts(html)
    assert tags <= {"ul", "li", "a"} and attributes <= {"class", "href", "target", "rel"}
    assert not re.search("[\0\u202e]", html) and f'href="{address}' in html
    if value in NOT_ADDRESSES or not isinstance(value, str):
        assert facts_html({"url": value}) == "" and html.count("href") == 1
    if value is None or isinstance(value, dict):
        assert facts_html(dict.fromkeys(FACTS, value)) == ""


def test_examples_come_from_the_clips(search):
    examples = search.examples()
    assert len(set(examples)) == 6 and set(examples) <= set(search.clips.texts)


def test_videos_are_found_by_id(search, tmp_path):
    folder = tmp_path / "videos"
    (folder / "deep").mkdir(parents=True)
    for name in ("c130.mp4", "c131.WEBM", "c132.txt", "other.mp4", "deep/c133.mp4"):
        (folder / name).write_bytes(b"video")
    videos = Videos(search.clips, folder)
    assert sorted(videos.paths) == [130, 131] and 130 in videos and 132 not in videos and 133 not in videos
    assert videos.path(131) == folder / "c131.WEBM"
    assert list(Videos(search.clips, folder / "deep").paths) == [133]
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(DemoError, match=f"{folder.name}: no video there is named after a clip"):
            Videos(search.clips, folder)


def test_films_of_tinyclips_are_rendered_when_the_page_asks():
    videos = Videos(read_clips(service.TINYCLIPS))
    assert 2581 in videos and 3000 not in videos and -1 not in videos and not videos.paths
    with av.open(str(videos.path(2581))) as film:
        assert film.streams.video[0].width == 224 and film.streams.audio
    assert videos.path(2581) is videos.path(2581)


# ------------------------------------------------------------------------------------------------ what cannot be opened


def refused(*arguments):
    with pytest.raises(SystemExit) as error:
        main(["demo", *map(str, arguments)])
    assert str(error.value).startswith("mee demo: "), error.value
    return str(error.value)


def test_wrong_files_are_named_before_the_page_opens(planted, world, tmp_path):
    model, clips = planted / "model.pt", planted / "clips.h5"
    assert "name both" in refused(model)
    assert "nowhere.pt: no such file" in refused(tmp_path / "nowhere.pt", clips)
    assert "nowhere.h5: no such file" in refused(model, tmp_path / "nowhere.h5")
    assert "model.pt: not an HDF5 file" in refused(clips, model), "the wrong way round"
    broken = tmp_path / "broken.pt"
    broken.write_bytes(model.read_bytes()[:-2000])
    assert "broken.pt" in refused(broken, clips)
    message = refused(model, world)
    assert "world.h5: expert 'appearance' is a vector of 10; the model was trained on a vector of 12" in message
    with ClipWriter(tmp_path / "other.h5", {"smell": ("vector", 2)}, Words(["a"], np.ones((1, 16)))) as out:
        out.add("x", "test", {"smell": [1, 2]}, ["a"])
    message = refused(model, tmp_path / "other.h5")
    assert "other.h5 has the experts ['smell']" in message and "none in common" in message
    shutil.copy(clips, tmp_path / "half.h5")
    with h5py.File(tmp_path / "half.h5", "a") as file:
        file["clips/split"][:] = b"train"
    assert "half.h5: it has no clip in test" in refused(model, tmp_path / "half.h5", "--split", "test")
    assert "--port 0" in refused(model, clips, "--port", "99999")
    assert "no video" in refused(model, clips, "--videos", tmp_path)


def test_without_gradio_or_faiss_the_message_says_what_to_install(planted, monkeypatch):
    model, clips = planted / "model.pt", planted / "clips.h5"
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        assert 'gradio is missing: pip install "mee[search,demo]"' in refused(model, clips)
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert 'pip install "mee[search]"' in refused(model, clips)


def test_without_a_vocabulary_no_sentence_can_be_read(search, tmp_path):
    with ClipWriter(tmp_path / "vectors.h5", {"appearance": ("vector", 12)}) as out:
        out.add("x", "test", {"appearance": np.ones(12)}, [np.ones((2, 16))])
    clips = read_clips(tmp_path / "vectors.h5")
    with pytest.raises(DemoError, match="vocabulary"):
        SearchService(search.model, clips)
    with pytest.raises(DemoError, match="word vectors of 3"):
        SearchService(search.model, clips, Words(["a"], np.ones((1, 3))))
    with_words = SearchService(search.model, clips, search.words)  # the model's words are enough, but for captions
    assert with_words.experts == ["appearance"] and len(with_words.answer("a red ball").hits) == 1
    assert with_words.sentences("x") == [] and with_words.examples() == []


def test_without_arguments_it_searches_tinyclips_by_the_small_model():
    options = argparse.Namespace(model=None, clips=None, videos=None, split=None, score=None)
    search = service.load(options)
    assert len(search.index) == 1000 and search.score == "calibrated"
    assert next(search.model.parameters()).dtype == torch.float32
    hits = search.answer("deep under water a phone rings", k=3).hits
    found = [search.clips.facts[search.number[hit.id]] for hit in hits]
    assert [(facts["place"], facts["sound"]) for facts in found] == [("underwater", "phone")] * 3


# --------------------------------------------------------------------------------------------------- in a real browser

MINUTES = 5 * 60 * 1000  # ms; every wait ends when its condition holds, so only a broken page waits as long

# every address that the server's process asks for or connects to goes into a file
WATCHED = """
import sys
log = open(sys.argv[1], "a", buffering=1)
def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        print(arguments[1][0], file=log)
    elif event == "socket.getaddrinfo":
        print(arguments[0], file=log)
sys.addaudithook(watch)
from mee.cli import main
main(["demo", *sys.argv[2:]])
"""


@pytest.fixture(scope="module")
def address(planted):
    """Where ``mee demo`` serves the planted world; at the end: no error, and no connection to elsewhere."""
    if sys.platform == "win32":
        pytest.skip("Windows sends no Ctrl-C to a single process, and the page is to end by one")
    videos, log, errors = planted / "videos", planted / "connections", planted / "errors"
    videos.mkdir()
    with av.open(str(planted / "film.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")))
        out.mux(stream.encode())
    for i in range(128, 256, 2):  # every other clip has a video
        shutil.copy(planted / "film.mp4", videos / f"c{i}.mp4")
    command = [sys.executable, "-c", WATCHED, log, planted / "model.pt", planted / "clips.h5", "--videos", videos]
    with open(errors, "w") as file:
        process = subprocess.Popen([*map(str, command), "--port", "0"], stdout=subprocess.PIPE, stderr=file, text=True)
    try:
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line + errors.read_text()
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)  # Ctrl-C
        process.wait(MINUTES / 1000)
        process.stdout.close()
    assert process.returncode == 0 and "Traceback" not in errors.read_text(), errors.read_text()
    assert set(log.read_text().split()) <= {"127.0.0.1", "localhost", "::1"}, log.read_text()


@pytest.fixture(scope="module")
def window(chromium):
    """A browser window, whose pages share what they have loaded."""
    context = chromium.new_context(viewport={"width": 1366, "height": 900})
    context.set_default_timeout(MINUTES)
    yield context
    context.close()


@pytest.fixture
def page(window, address):
    """The page as it opens; at the end: no error, and nothing was asked from elsewhere.

    Each test has its own: an answer that another test no longer waited for could come in the middle of this one.
    """
    page, far, faults = window.new_page(), [], []
    page.on("request", lambda ask: far.append(ask.url) if not ask.url.startswith((address, "data:", "blob:")) else 0)
    page.on("response", lambda got: faults.append((got.status, got.url)) if got.status >= 400 else 0)
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else 0)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: (faults.append("alert"), dialog.dismiss()))
    load(page, address)
    yield page
    page.close()
    assert not far and not faults, (far, faults)


def load(page, address):
    page.goto(address)
    page.get_by_label("Your sentence").wait_for()
    page.wait_for_selector("#status[role=status]", state="attached")


def expect(locator):
    """Playwright's ``expect``, which waits until what it is told holds."""
    from playwright.sync_api import expect

    expect.set_options(timeout=MINUTES)
    return expect(locator)


def type_sentence(page, text):
    page.get_by_label("Your sentence").fill(text)
    page.get_by_label("Your sentence").press("Enter")


def ask(page, search, text, experts=None):
    """Type a sentence and wait for its answer; the numbers of the clips shown."""
    type_sentence(page, text)
    return expect_answer(page, search, text, experts)


def expect_answer(page, search, text, experts=None):
    """Wait until the page shows what the service answers; the numbers of the clips shown."""
    ids = [hit.id for hit in search.answer(text, experts).hits]
    expect(page.locator("#status")).to_contain_text(f"“{text}”")
    expect(page.locator("#status li")).to_have_count(len(experts or search.experts))
    expect(page.locator(".clip h3")).to_have_text([f"{rank}. {id}" for rank, id in enumerate(ids, 1)])
    return [search.number[id] for id in ids]


def expect_focus_on_sentences(page):
    expect(page.locator("#sentences")).to_be_focused()


def test_typing_finds_the_planted_clip_and_its_video(page, search):
    numbers = ask(page, search, PLANTED)
    assert [facts(i) for i in numbers[:2]] == [("red", "jumps", "bell")] * 2
    expect(page.locator("#status")).to_contain_text("audio")
    expect(page.locator(".clip")).to_have_count(SHOWN)
    number = next(i for i in numbers if i % 2 == 0)
    video = page.locator(f'video[src="video/{number}"]')
    assert video.get_attribute("aria-label").startswith(f"Video c{number}. Caption: a ")
    assert video.evaluate("async video => { await video.play(); return video.videoWidth; }") == 64
    width = "async image => { await image.decode(); return image.naturalWidth; }"
    assert page.locator(".board img").first.evaluate(width) == 64


def test_leaving_experts_out_changes_the_ranking(page, search):
    before = ask(page, search, PLANTED)
    for name in ("appearance", "motion"):
        page.get_by_role("checkbox", name=name).uncheck()
    after = expect_answer(page, search, PLANTED, ["audio"])
    assert after != before and {facts(i)[2] for i in after} == {"bell"}
    expect(page.locator(".clip .score").first).to_contain_text("with all experts")
    expect(page.locator(".clip").first.get_by_text("left out")).to_have_count(2)
    page.get_by_role("checkbox", name="audio").uncheck()
    page.get_by_text("Keep at least one expert").wait_for()
    expect(page.locator(".clip h3")).to_have_count(0)
    for name in ("appearance", "motion", "audio"):
        page.get_by_role("checkbox", name=name).check()
    assert expect_answer(page, search, PLANTED) == before


def test_the_other_score_can_be_chosen(page, search):
    before = ask(page, search, PLANTED)
    group = page.get_by_role("group").filter(has=page.get_by_role("radio"))
    assert group.count() == 1 and "Score" in group.inner_text() and page.get_by_role("radio").count() == 2
    expect(page.get_by_role("radio", name="calibrated")).to_be_checked()
    expect(page.locator(".clip th", has_text=TAKEN_OFF)).to_have_count(SHOWN)
    expect(page.locator(".clip .parts .hubness")).to_have_count(SHOWN)
    page.get_by_role("radio", name="the paper's").check()
    expect(page.locator(".clip th", has_text=TAKEN_OFF)).to_have_count(0)
    expect(page.locator(".clip .parts .hubness")).to_have_count(0)
    best = search.answer(PLANTED, score="paper").hits
    expect(page.locator(".clip h3")).to_have_text([f"{rank}. {hit.id}" for rank, hit in enumerate(best, 1)])
    expect(page.locator(".clip .score").first).to_have_text(f"score {best[0].score:.2f}")
    page.locator(".clip button").first.click()
    value = search.sentences(best[0].id, score="paper")[0][1]
    expect(page.locator("#sentences li").first).to_contain_text(f"{value:.2f}")
    page.get_by_role("radio", name="calibrated").check()
    assert expect_answer(page, search, PLANTED) == before


def test_without_a_calibration_there_is_no_choice(bare, search):
    for each, shown in ((bare, False), (search, True)):
        parts = build_page(each).config["components"]
        assert [part["props"]["visible"] for part in parts if part["type"] == "radio"] == [shown]


def test_a_clip_finds_its_sentences(page, search):
    first = search.clips.ids[ask(page, search, PLANTED)[0]]
    page.get_by_role("button", name=f"Sentences for {first}", exact=True).click()
    sentences = page.get_by_role("region", name="Sentences for a clip")
    expect(sentences.locator("li", has_text=PLANTED).first).to_contain_text("its own")
    expect_focus_on_sentences(page)
    ask(page, search, "the blue ball")
    expect(page.locator("#sentences li")).to_have_count(0)  # they were of another question
    expect(page.get_by_role("heading", name="Sentences for a clip")).to_be_hidden()


def test_facts_in_the_page(page, search, window):
    def width(what):
        return told.locator(what).first.bounding_box()["width"]

    numbers = [i for i in ask(page, search, "the green ball") if source(i)]
    assert {i % 8 for i in numbers} == {1, 5}, "choose a sentence that finds both kinds"
    told = page.locator(".clip:has(.facts)")
    expect(told.locator("h3")).to_contain_text([search.clips.ids[i] for i in numbers])
    expect(told.get_by_text("Category: toys & <b>games</b>", exact=True)).to_have_count(len(numbers))
    expect(told.get_by_text(f"Words on screen: GREEN / {MARKUP} / xxx")).to_have_count(sum(i % 8 == 1 for i in numbers))
    assert told.locator("img[src=x], b").count() == 0
    assert width(".board") > 250 and width(".board img") >= 120, "large enough to see something"
    links = page.get_by_role("link", name="Source video on www.youtube.com, from 2:17")
    expect(links).to_have_count(len(numbers))
    window.route("https://www.youtube.com/**", lambda route: route.fulfill(body="the source", content_type="text/html"))
    with window.expect_page() as opened:
        links.first.click()
    there = opened.value
    expect(there.locator("body")).to_have_text("the source")
    assert there.url == f"https://www.youtube.com/watch?v=c{numbers[0]}&t=137s"
    assert there.evaluate("[window.opener, document.referrer]") == [None, ""]
    there.close()
    page.set_viewport_size({"width": 390, "height": 844})
    assert width(".board") > 250 and width(".board img") >= 120
    inner = told.locator(".facts").evaluate_all("all => all.map(e => e.scrollWidth)")
    assert max(inner) < 390, "a long word is broken, not cut off"


def test_examples_can_be_pressed(page, search):
    for example in search.examples()[1:3]:
        page.get_by_role("button", name=example, exact=True).click()
        expect_answer(page, search, example)
        expect(page.get_by_label("Your sentence")).to_have_value(example)


def test_hostile_sentences_in_the_page(page):
    """All kinds, several in a sentence, as each answer takes the page seconds."""
    box = page.get_by_label("Your sentence")
    set_value = "(box, text) => { box.value = text; box.dispatchEvent(new Event('input', {bubbles: true})); }"
    long, *short = HOSTILE[1:]
    for text in (long, " ".join(short)):
        box.evaluate(set_value, text)
        box.press("Enter")
        read = " ".join(re.sub(r"[\0\x1b\r\n\u202e]", " ", text.replace("\ud800", "?")).split())[:LIMIT].strip()
        sign = "“" + ("x" * 40 if text == long else read) + "”"
        expect(page.locator("#status")).to_contain_text(sign)
        expect(page.locator("#status").locator("script, style, img, a")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 1366


def test_an_id_or_a_title_made_of_markup_is_text(page, search):
    sentence = "a red ball rolls"
    hits = [hit.id for hit in search.answer(sentence).hits]
    assert MARKUP in hits, "choose a sentence that finds it"
    ask(page, search, sentence)
    expect(page.get_by_role("button", name=f"Sentences for {MARKUP}", exact=True)).to_have_count(1)
    assert page.locator("img[src=x]").count() == 0 and page.locator("h1 + p b").count() == 0
    assert "<b>Planted</b> & co" in page.locator("h1 + p").inner_text()


def test_by_keyboard_alone(page, search):
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") in ("TEXTAREA", "INPUT"):
            break
    page.keyboard.type(PLANTED)
    page.keyboard.press("Enter")
    expect_answer(page, search, PLANTED)
    names = []
    for _ in range(60):  # every stop shows that it has the focus, and has a name
        page.keyboard.press("Tab")
        names.append(page.evaluate(
            "(e => e.labels?.[0]?.innerText || e.getAttribute('aria-label') || e.innerText)(document.activeElement)"
        ))  # fmt: skip
        if page.evaluate("document.activeElement.type") == "checkbox" and names[-1].strip() == "motion":
            page.keyboard.press("Space")
            expect_answer(page, search, PLANTED, ["appearance", "audio"])
        if names[-1].startswith("Sentences for"):
            break
    assert all(names) and {"Search", "appearance", "audio", "motion"} <= {name.strip() for name in names}
    style = "(s => s.outlineStyle != 'none' || s.boxShadow != 'none')(getComputedStyle(document.activeElement))"
    assert page.evaluate(style), "the focus can be seen"
    page.keyboard.press("Enter")
    page.locator("#sentences li").first.wait_for()
    expect_focus_on_sentences(page)


def test_what_a_screen_reader_is_told(page, search):
    ask(page, search, PLANTED)
    levels = [int(tag[1]) for tag in page.eval_on_selector_all("h1, h2, h3", "all => all.map(e => e.tagName)")]
    assert levels[0] == 1 and levels.count(1) == 1 and all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False))
    assert page.evaluate("document.documentElement.lang") == "en" and page.title() == "Find a clip with a sentence"
    assert page.get_by_role("main").count() == 1
    assert page.locator("#status[role=status]").count() == 1
    group = page.get_by_role("group").filter(has=page.get_by_role("checkbox"))
    assert group.count() == 1 and "Use these experts" in group.inner_text()
    named = "all => all.every(e => e.getAttribute('aria-label') || e.labels?.length || e.innerText.trim())"
    assert page.eval_on_selector_all("button:not([style*='display: none']), input, textarea, video, [role=img]", named)
    bare = "all => all.filter(e => !e.hasAttribute('alt') || (!e.alt && !e.closest('[role=img]'))).length"
    assert page.eval_on_selector_all("img", bare) == 0
    assert page.get_by_role("rowheader").count() == 0, "folded"
    page.locator("summary").first.press("Enter")
    expect(page.get_by_role("rowheader", name="motion")).to_have_count(1)
    assert page.get_by_role("link").count() == 0


def test_axe_finds_no_fault(page, search, axe, address):
    """Of two clips, as the others are like them and the answer takes axe seconds."""
    two = "document.querySelectorAll('.clip').forEach((clip, number) => { if (number > 1) clip.remove(); })"
    ask(page, search, PLANTED)
    page.evaluate(two)
    assert page.locator(".clip").count() == 2 and not axe(page)
    page.emulate_media(color_scheme="dark")
    load(page, address)
    ask(page, search, PLANTED)
    page.evaluate(two)
    assert page.locator("body.dark, .dark").count(), "the page is dark"
    assert not axe(page, runOnly={"type": "rule", "values": ["color-contrast"]})


def test_a_narrow_window_does_not_scroll_sideways(page, search, address):
    page.set_viewport_size({"width": 390, "height": 844})
    load(page, address)
    ask(page, search, PLANTED)
    page.locator(".clip button").first.click()
    page.locator("#sentences li").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    fonts = "[...document.querySelectorAll('*')].map(e => getComputedStyle(e).fontFamily.split(',')[0])"
    local = {"system-ui", "sans-serif", "monospace", "Arial", '"DejaVu Sans"', "Times New Roman", '"Times New Roman"'}
    assert set(page.evaluate(fonts)) <= local, "no font that the browser would have to fetch"


def test_only_videos_of_clips_are_served(address):
    opener = build_opener(ProxyHandler({}))
    for path, status in (("video/9999", 404), ("video/-1", 404), ("video/..%2f..%2fclips.h5", 404), ("video/x", 422)):
        with pytest.raises(HTTPError) as error:
            opener.open(f"{address}/{path}")
        assert error.value.code == status, path
    answer = opener.open(f"{address}/video/130")
    assert answer.headers["content-type"] == "video/mp4" and b"ftyp" in answer.read(64)
