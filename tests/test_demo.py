"""The search page: what it answers, without a browser; then the page itself, in one, as somebody would use it."""

import importlib.util
import re
import shutil
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from mee import demo
from mee.data import Clips, ClipWriter, Words
from mee.train import embed, fit, load_model

cv2 = pytest.importorskip("cv2", reason="opencv draws the pictures of these tests")

COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0), "grey": (128, 128, 128)}
MOVES, SOUNDS = ("rolls", "jumps", "waits", "turns"), ("bell", "drum", "rain")
MARKUP = "<img src=x onerror=alert(1)>"
TINYCLIPS = Path(__file__).parents[1] / "notebooks" / "data" / "tinyclips.h5"


def facts(i):
    """The colour, the move and the sound (None for a third) of clip i of the planted world."""
    return list(COLOURS)[i % 4], MOVES[i // 4 % 4], [*SOUNDS, None][i // 16 % 4]


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """The folder of a world whose pictures tell the colour, motion the move, audio the sound; model.pt, clips.h5."""
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
            split = "train" if i < 128 else "val" if i < 192 else "test"
            out.add(
                MARKUP if i == 192 else f"c{i}", split, features, captions, storyboard=[picture] * (2 * (i % 5 > 0))
            )
    settings = {"epochs": 12, "lr": 1e-2, "dim": 16, "text_clusters": 4, "sequence_clusters": 2, "batch_size": 32}
    fit(folder / "clips.h5", out=folder, progress=False, **settings)
    return folder


@pytest.fixture(scope="module")
def search(planted):
    model, words = load_model(planted / "model.pt")
    return demo.Search(model, Clips(planted / "clips.h5"), words)


def of(search, hits):
    return [facts(search.number[hit.id]) for hit in hits]


# ------------------------------------------------------------------------------------------------- without a browser


def test_the_right_clips_come_first(search):
    answer = search.answer("a red ball jumps while a bell plays")
    assert of(search, answer.hits)[:2] == [("red", "jumps", "bell")] * 2 and len(answer.hits) == demo.SHOWN
    assert len(search.index) == 128 and not answer.notes
    assert sum(answer.weights.values()) == pytest.approx(1) and list(answer.weights) == [
        "appearance",
        "audio",
        "motion",
    ]
    assert answer.before == list(range(1, demo.SHOWN + 1))
    for hit in answer.hits:
        assert hit.score == pytest.approx(sum(hit.weight[name] * hit.similarity[name] for name in hit.weight), abs=1e-5)


def test_the_answer_is_that_of_the_model(search):
    text = "the blue ball while rain plays"
    rows = torch.tensor(list(search.number.values()))
    model, clips = search.model, search.clips
    with torch.no_grad():
        scores = model(*search.words.batch([text]), *clips.video(rows))[0]
    best = scores.topk(demo.SHOWN)
    hits = search.answer(text).hits
    assert [search.number[hit.id] for hit in hits] == rows[best.indices].tolist()
    assert [hit.score for hit in hits] == pytest.approx(best.values.tolist(), abs=1e-4)


@pytest.mark.parametrize(
    "name, column, value", [("appearance", 0, "red"), ("motion", 1, "jumps"), ("audio", 2, "bell")]
)
def test_an_expert_alone_ranks_by_what_it_knows(search, name, column, value):
    answer = search.answer("a red ball jumps while a bell plays", [name])
    assert {fact[column] for fact in of(search, answer.hits)} == {value} and answer.weights == {name: 1}
    assert answer.before != sorted(answer.before, key=lambda rank: rank or demo.DEPTH)
    assert all(set(hit.weight) == {name} for hit in answer.hits)


def test_a_clip_without_the_chosen_experts_is_not_an_answer(search):
    answer = search.answer("a bell plays", ["audio"], k=200)
    assert len(answer.hits) == 96 and all(fact[2] for fact in of(search, answer.hits))


def test_sentences_for_a_clip(search):
    clip = next(id for id, i in search.number.items() if facts(i) == ("green", "turns", "drum"))
    found = search.sentences(clip, k=5)
    assert ("a green ball turns while a drum plays", True) in [(text, own) for text, _, own in found]
    assert [score for _, score, _ in found] == sorted((score for _, score, _ in found), reverse=True)
    number, captions = search.number[clip], search.clips.captions_of(torch.arange(256))[0]
    scores = search.model.score(*embed(search.model, search.clips, captions, torch.tensor([number])))
    assert found[0][1] == pytest.approx(float(scores.max()), abs=1e-5), "as mee.train.embed has it"
    alone = {text for text, _, _ in search.sentences(clip, ["audio"], k=4)}
    assert all("drum" in text for text in alone)
    silent = next(id for id, i in search.number.items() if facts(i)[2] is None)
    assert search.sentences(silent, ["audio"]) == [] and "no expert" in demo.sentences_html(search, silent, ["audio"])


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
    assert len(answer.text) <= demo.LIMIT and str(demo.LIMIT) in answer.notes[0] and answer.hits


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
    html = demo.answer_html(answer, 10) + "".join(
        demo.clip_html(search, hit, 1, before) for hit, before in zip(answer.hits, answer.before, strict=True)
    )
    html.encode()  # travels
    tags, attributes = parts(html)
    assert tags <= set("p ul li b span i h3 div img table tr td th".split()) and "\0" not in html
    assert attributes <= set("class aria-hidden style role aria-label src alt scope colspan".split())
    assert len(html) < 40_000


def test_ids_captions_and_titles_are_escaped(search):
    hit = next(hit for hit in search.answer("a red ball rolls", k=128).hits if hit.id == MARKUP)
    html = demo.clip_html(search, hit, 1) + demo.sentences_html(search, MARKUP)
    assert MARKUP not in html and html.count("&lt;img src=x onerror=alert(1)&gt;") == 3


def test_html_says_in_words_what_it_shows(search):
    answer = search.answer("a red ball jumps while a bell plays", ["appearance", "audio"])
    html = demo.answer_html(answer, 128)
    for name, weight in answer.weights.items():
        assert re.search(rf"<b>{name}</b> .*?</span> {weight:.2f}</li>", html)
    rank, hit = next((i, hit) for i, hit in enumerate(answer.hits, 1) if search.clips.storyboard(search.number[hit.id]))
    html = demo.clip_html(search, hit, rank, 77, ["motion"])
    assert f"score {hit.score:.2f}, rank 77 with all experts" in html and '<td colspan="2">left out</td>' in html
    assert re.search(r'role="img" aria-label="Pictures of c\d+\. Somebody says of it: a \w+ ball \w+"', html)
    assert f"rank beyond {demo.DEPTH} with all" in demo.clip_html(search, hit, rank, None, ["motion"])
    silent = next(hit for hit in search.answer("a red ball jumps", k=128).hits if len(hit.weight) == 2)
    assert "absent in this clip" in demo.clip_html(search, silent, 1)
    negative = demo._bar(-0.5)
    assert "minus" in negative and "-0.50" in negative and "50%" in negative and 'aria-hidden="true"' in negative


def test_examples_come_from_the_clips(search):
    examples = search.examples()
    assert len(set(examples)) == 6 and set(examples) <= set(search.clips.texts)


def test_films_are_found_by_id(planted, search, tmp_path):
    folder = tmp_path / "films"
    (folder / "deep").mkdir(parents=True)
    for name in ("c130.mp4", "c131.WEBM", "c132.txt", "other.mp4", "deep/c133.mp4"):
        (folder / name).write_bytes(b"film")
    films = demo.Films(search.clips, folder)
    assert sorted(films.found) == [130, 131] and 130 in films and 132 not in films and 133 not in films
    assert films.path(131) == folder / "c131.WEBM"
    assert list(demo.Films(search.clips, folder / "deep").found) == [133]
    (tmp_path / "empty").mkdir()
    with pytest.raises(demo.DemoError, match="named after a clip"):
        demo.Films(search.clips, tmp_path / "empty")
    with pytest.raises(demo.DemoError, match="nowhere"):
        demo.Films(search.clips, tmp_path / "nowhere")


def test_films_of_tinyclips_are_rendered_when_asked_for():
    av = pytest.importorskip("av", reason="PyAV writes films")
    films = demo.Films(Clips(TINYCLIPS))
    assert 2581 in films and 3000 not in films and not films.found
    with av.open(str(films.path(2581))) as film:
        assert film.streams.video[0].width == 224 and film.streams.audio
    assert films.path(2581) is films.path(2581)


# ------------------------------------------------------------------------------------------------ what cannot be opened


def refused(*arguments):
    with pytest.raises(SystemExit) as error:
        demo.main([str(argument) for argument in arguments])
    assert str(error.value).startswith("mee.demo: "), error.value
    return str(error.value)


def test_wrong_files_are_named_before_the_page_opens(planted, world, tmp_path):
    if not importlib.util.find_spec("gradio"):
        pytest.skip("the page needs Gradio")
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
    assert "none in common" in refused(model, tmp_path / "other.h5") and "smell" in refused(
        model, tmp_path / "other.h5"
    )
    shutil.copy(clips, tmp_path / "half.h5")
    with h5py.File(tmp_path / "half.h5", "a") as file:
        file["clips/split"][:] = b"train"
    assert "no clip in test" in refused(model, tmp_path / "half.h5", "--split", "test")
    assert "--port 0" in refused(model, clips, "--port", "99999")
    assert "no film" in refused(model, clips, "--films", tmp_path)


def test_without_a_vocabulary_no_sentence_can_be_read(planted, search, tmp_path):
    with ClipWriter(tmp_path / "vectors.h5", {"appearance": ("vector", 12)}) as out:
        out.add("x", "test", {"appearance": np.ones(12)}, [np.ones((2, 16))])
    clips = Clips(tmp_path / "vectors.h5")
    with pytest.raises(demo.DemoError, match="vocabulary"):
        demo.Search(search.model, clips)
    with pytest.raises(demo.DemoError, match="word vectors of 3"):
        demo.Search(search.model, clips, Words(["a"], np.ones((1, 3))))
    found = demo.Search(search.model, clips, search.words)  # with the model's words all is well, but for captions
    assert found.experts == ["appearance"] and len(found.answer("a red ball").hits) == 1
    assert found.sentences("x") == [] and found.examples() == []


def test_without_gradio_the_message_says_what_to_install(planted, monkeypatch):
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda name: None)
    assert "gradio is missing: pip install -e '.[demo]'" in refused(planted / "model.pt", planted / "clips.h5")


def test_the_first_model_is_kept(planted, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "QUICK", {"epochs": 1, "dim": 8, "text_clusters": 2, "sequence_clusters": 2})
    clips, cache = Clips(planted / "clips.h5"), tmp_path / "runs" / "model.pt"
    model, words = demo.quick_model(clips, cache)
    assert words.words == clips.words.words and str(cache) in capsys.readouterr().out
    assert [path.name for path in cache.parent.iterdir()] == ["model.pt"]
    again, _ = demo.quick_model(clips, cache)
    assert not capsys.readouterr().out, "the second time it is there"
    for key, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], value)
    cache.write_bytes(b"not a model")
    demo.quick_model(clips, cache)
    assert "made anew" in capsys.readouterr().out and load_model(cache)


# --------------------------------------------------------------------------------------------------- in a real browser

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
from mee import demo
demo.main(sys.argv[2:])
"""


@pytest.fixture(scope="module")
def served(planted):
    """The address of the page of the planted world, and the file with what its server connected to."""
    if not importlib.util.find_spec("gradio"):
        pytest.skip("the page needs Gradio")
    av = pytest.importorskip("av", reason="PyAV writes the film")
    films = planted / "films"
    films.mkdir()
    for i in range(128, 256, 2):  # every other clip has a film
        with av.open(str(films / f"c{i}.mp4"), "w") as out:
            stream = out.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for _ in range(3):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")))
            out.mux(stream.encode())
    log = planted / "connections"
    command = [sys.executable, "-c", WATCHED, log, planted / "model.pt", planted / "clips.h5", "--films", films]
    with open(planted / "errors", "w") as errors:
        process = subprocess.Popen(
            [*map(str, command), "--port", "0"], stdout=subprocess.PIPE, stderr=errors, text=True
        )
    line = process.stdout.readline()
    address = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert address, line + (planted / "errors").read_text()
    yield address[0], log
    process.terminate()
    process.wait(10)
    process.stdout.close()
    assert "Traceback" not in (planted / "errors").read_text(), (planted / "errors").read_text()


@pytest.fixture(scope="module")
def visit(served, chromium):
    """A function that opens the page in a window of a given size; at the end: no error, nothing from elsewhere."""
    address, log = served
    far, faults, pages = [], [], []

    def open_page(width=1366, height=900):
        page = chromium.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(15_000)
        page.on(
            "request", lambda ask: far.append(ask.url) if not ask.url.startswith((address, "data:", "blob:")) else 0
        )
        page.on("response", lambda got: faults.append((got.status, got.url)) if got.status >= 400 else 0)
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else 0)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append("alert"), dialog.dismiss()))
        page.goto(address)
        page.get_by_label("Your sentence").wait_for()
        page.wait_for_selector("#status[role=status]", state="attached")
        pages.append(page)
        return page

    yield open_page
    assert not far, f"asked for {far}"
    assert not faults, faults
    assert pages and set(log.read_text().split()) <= {"127.0.0.1", "localhost", "::1"}, log.read_text()


@pytest.fixture(scope="module")
def page(visit):
    return visit()


def ask(page, text):
    """Type a sentence, press Enter; the ids of the clips that are found."""
    page.get_by_label("Your sentence").fill(text)
    page.get_by_label("Your sentence").press("Enter")
    return found(page, text)


def found(page, text):
    page.locator("#status", has_text=f"“{text}”").wait_for()
    return shown(page)


def shown(page):
    return [title.partition(". ")[2] for title in page.locator(".clip h3").all_inner_texts()]


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def numbers(ids):
    return [192 if id == MARKUP else int(id[1:]) for id in ids]


PLANTED = "a red ball jumps while a bell plays"


def test_typing_finds_the_planted_clip_and_its_film(page, search):
    ids = ask(page, PLANTED)
    assert [facts(i) for i in numbers(ids)[:2]] == [("red", "jumps", "bell")] * 2
    assert ids == [hit.id for hit in search.answer(PLANTED).hits]
    assert page.locator("#status li").count() == 3 and "audio" in page.locator("#status").inner_text()
    assert page.locator(".clip").count() == demo.SHOWN
    film = next(i for i in numbers(ids) if i % 2 == 0)
    video = page.locator(f'video[src="film/{film}"]')
    assert video.get_attribute("aria-label").startswith(f"Film c{film}. Somebody says of it: a ")
    width = "async video => { await video.play(); return video.videoWidth; }"
    assert video.evaluate(width) == 64
    picture = page.locator(".board img").first
    assert picture.evaluate("image => image.complete && image.naturalWidth") == 64


def test_taking_experts_away_changes_the_ranking(page):
    before = ask(page, PLANTED)
    for name in ("appearance", "motion"):
        page.get_by_role("checkbox", name=name).uncheck()
    until(lambda: page.locator("#status li").count() == 1)
    after = shown(page)
    assert after != before and {facts(i)[2] for i in numbers(after)} == {"bell"}
    assert "with all experts" in page.locator(".clip .score").first.inner_text()
    assert page.locator(".clip").first.get_by_text("left out").count() == 2
    page.get_by_role("checkbox", name="audio").uncheck()
    page.get_by_text("Leave at least one expert").wait_for()
    until(lambda: not shown(page))
    for name in ("appearance", "motion", "audio"):
        page.get_by_role("checkbox", name=name).check()
    until(lambda: page.locator("#status li").count() == 3)
    assert shown(page) == before


def test_a_clip_finds_its_sentences(page):
    first = ask(page, PLANTED)[0]
    page.get_by_role("button", name=f"Sentences for {first}", exact=True).click()
    sentences = page.get_by_role("region", name="Sentences for a clip")
    sentences.locator("li", has_text=PLANTED).first.wait_for()
    assert "its own" in sentences.locator("li", has_text=PLANTED).first.inner_text()
    until(lambda: page.evaluate("document.activeElement.id") == "sentences")
    ask(page, "the blue ball")
    assert sentences.locator("li").count() == 0, "they were of another question"


def test_examples_can_be_pressed(page, search):
    for example in search.examples()[1:3]:
        page.get_by_role("button", name=example, exact=True).click()
        assert found(page, example) == [hit.id for hit in search.answer(example).hits]
        assert page.get_by_label("Your sentence").input_value() == example


def test_kind_words_in_the_page(page):
    ask(page, PLANTED)
    page.get_by_label("Your sentence").fill("")
    page.get_by_role("button", name="Search").click()
    page.locator("#status", has_text="Type what is to be seen").wait_for()
    until(lambda: not shown(page))
    page.get_by_label("Your sentence").fill("quagga")
    page.get_by_role("button", name="Search").click()
    page.locator("#status", has_text="“quagga”").wait_for()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_sentences_in_the_page(page, text):
    box = page.get_by_label("Your sentence")
    box.evaluate("(box, text) => { box.value = text; box.dispatchEvent(new Event('input', {bubbles: true})); }", text)
    box.press("Enter")
    read = " ".join(re.sub(r"[\0\x1b\r\n\u202e]", " ", text.replace("\ud800", "?")).split())[: demo.LIMIT].strip()
    sign = "“" + ("x" * 40 if text.startswith("xxx") else read) + "”"
    until(lambda: sign in page.locator("#status").inner_text())
    assert page.locator("#status").locator("script, style, img, a").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366


def test_an_id_made_of_markup_is_text(page):
    ids = ask(page, "the red ball rolls while a bell plays" if facts(192)[2] == "bell" else "a red ball rolls")
    if MARKUP in ids:
        assert page.get_by_role("button", name=f"Sentences for {MARKUP}", exact=True).count() == 1
    assert page.locator("img[src=x]").count() == 0 and page.locator("h1 + p b").count() == 0
    assert "<b>Planted</b> & co" in page.locator("h1 + p").inner_text()


def test_by_keyboard_alone(visit):
    page = visit()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") in ("TEXTAREA", "INPUT"):
            break
    page.keyboard.type(PLANTED)
    page.keyboard.press("Enter")
    before = found(page, PLANTED)
    names = []
    for _ in range(40):  # every stop shows that it has the focus, and has a name
        page.keyboard.press("Tab")
        names.append(page.evaluate(
            "(e => e.labels?.[0]?.innerText || e.getAttribute('aria-label') || e.innerText)(document.activeElement)"
        ))  # fmt: skip
        if page.evaluate("document.activeElement.type") == "checkbox" and names[-1].strip() == "motion":
            page.keyboard.press("Space")
            until(lambda: shown(page) != before)
        if names[-1].startswith("Sentences for"):
            break
    assert all(names) and {"Search", "appearance", "audio", "motion"} <= {name.strip() for name in names}
    style = "(s => s.outlineStyle != 'none' || s.boxShadow != 'none')(getComputedStyle(document.activeElement))"
    assert page.evaluate(style), "the focus can be seen"
    page.keyboard.press("Enter")
    page.locator("#sentences li").first.wait_for()
    until(lambda: page.evaluate("document.activeElement.id") == "sentences")


def test_what_a_screen_reader_is_told(page):
    ask(page, PLANTED)
    levels = [int(tag[1]) for tag in page.eval_on_selector_all("h1, h2, h3", "all => all.map(e => e.tagName)")]
    assert levels[0] == 1 and levels.count(1) == 1 and all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False))
    assert page.evaluate("document.documentElement.lang") == "en" and page.title() == "Find a clip with a sentence"
    assert page.get_by_role("main").count() == 1
    assert page.locator("#status[role=status]").count() == 1
    assert page.get_by_role("group").filter(has=page.get_by_role("checkbox")).count() == 1
    named = "all => all.every(e => e.getAttribute('aria-label') || e.labels?.length || e.innerText.trim())"
    assert page.eval_on_selector_all("button:not([style*='display: none']), input, textarea, video, [role=img]", named)
    bare = "all => all.filter(e => !e.hasAttribute('alt') || (!e.alt && !e.closest('[role=img]'))).length"
    assert page.eval_on_selector_all("img", bare) == 0
    assert page.get_by_role("rowheader", name="motion").count() == demo.SHOWN
    assert page.get_by_role("link").count() == 0


def test_a_narrow_window_does_not_scroll_sideways(visit):
    page = visit(390, 844)
    ask(page, PLANTED)
    page.locator(".clip button").first.click()
    page.locator("#sentences li").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    fonts = "[...document.querySelectorAll('*')].map(e => getComputedStyle(e).fontFamily.split(',')[0])"
    local = {"system-ui", "sans-serif", "monospace", "Arial", '"DejaVu Sans"', "Times New Roman", '"Times New Roman"'}
    assert set(page.evaluate(fonts)) <= local, "no font that somebody would have to fetch"


def test_films_that_are_not_there(served):
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, build_opener

    address, opener = served[0], build_opener(ProxyHandler({}))
    for path, status in (("film/9999", 404), ("film/-1", 404), ("film/..%2f..%2fclips.h5", 404), ("film/x", 422)):
        with pytest.raises(HTTPError) as error:
            opener.open(f"{address}/{path}")
        assert error.value.code == status, path
    answer = opener.open(f"{address}/film/130")
    assert answer.headers["content-type"] == "video/mp4" and b"ftyp" in answer.read(64)
