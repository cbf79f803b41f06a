"""TinyClips: little films about which every fact is known.

A *script* is a small record of facts: a place, one or two things, how they move, what is heard, perhaps a face.
`scripts` invents them, `captions` writes sentences that mention some of the facts, `render` draws and plays one, and

    python data_scripts/make_tinyclips.py films OUTDIR

writes all of them as .mp4 files with a csv of captions. data_scripts/README.md says why this world is as it is.
"""

import argparse
import csv
import io
import json
import multiprocessing
import re
import zlib
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import tinyclips_art as art
from tinyclips_art import HEIGHT, RATE, WIDTH
from tqdm import tqdm

from mee.storage import ClipWriter, atomic, read_clips, words_for

FPS = 12
EXPERTS = ("appearance", "motion", "audio", "face")
SPLITS = {"train": 2000, "val": 500, "test": 500, "still": 1000}

# ------------------------------------------------------------------------------------------------ facts and words
# Every table maps a fact to the ways of saying it. Two facts never share a phrase, so a caption can be parsed back.


def _ways(table: str) -> dict[str, list[str]]:
    """{fact: ways of saying it} of a text like "fact: one way, another; fact, which is its own only way"."""
    pairs = (line.strip().partition(": ") for line in table.split(";"))
    return {fact: ways.replace("\n", " ").split(", ") if ways else [fact] for fact, _, ways in pairs}


PLACES = _ways("""beach: on the beach, by the sea, at the seaside; forest: in the forest, in the woods, among the trees;
    city: in the city, in town, on a city street; desert: in the desert, among sand dunes;
    mountains: in the snow, in the snowy mountains, in a snowy landscape;
    meadow: in a meadow, on the grass, in a green field; room: in the living room, in a room with a sofa, at home;
    kitchen: in the kitchen, in a kitchen; underwater: under water, at the bottom of the ocean, deep under water;
    space: in space, on the moon, among the stars""")
NO_TIME = ("underwater", "space")
TIMES = _ways("day: by day, in daylight; sunset: at sunset, at dusk, in the evening; night: at night, after dark")
SHAPES = _ways("""ball; star; heart; balloon; box: box, present, gift; kite; umbrella: umbrella, parasol;
    flower: flower, blossom; butterfly; boat: boat, sailboat, ship; mushroom: mushroom, toadstool;
    car: car, automobile""")
COLOURS = _ways("red: red, scarlet; orange; yellow; green; blue; purple: purple, violet; pink; black")
# A verb (finite / participle) and what follows it; the adverb of speed goes between the two.
MOTIONS = _ways("""left: moves/moving to the left, drifts/drifting left, slides/sliding to the left, goes/going left;
    right: moves/moving to the right, drifts/drifting right, slides/sliding to the right, goes/going right;
    up: rises/rising, moves/moving upward, floats/floating up, climbs/climbing;
    down: falls/falling, moves/moving downward, sinks/sinking, drops/dropping down;
    bounce: bounces/bouncing, jumps/jumping up and down, hops/hopping;
    spin: spins/spinning, rotates/rotating, twirls/twirling, whirls/whirling;
    circle: circles/circling, moves/moving in a circle, goes/going round in circles;
    zigzag: zigzags/zigzagging, moves/moving in a zigzag;
    swing: swings/swinging, sways/swaying back and forth, swings/swinging like a pendulum;
    shake: shakes/shaking, trembles/trembling, shivers/shivering;
    grow: comes/coming closer, grows/growing bigger, gets/getting larger;
    shrink: shrinks/shrinking, gets/getting smaller, moves/moving away from us;
    still: stays/staying still, stands/standing still, rests/resting""")
NO_SPEED = ("shake", "still")
SPEEDS = {"slow": ["slowly", "gently"], "medium": [], "fast": ["quickly", "fast", "rapidly"]}
SOUNDS = _ways("""bell: a PITCH bell rings/ringing, a PITCH bell chimes/chiming, a PITCH bell tolls/tolling;
    drum: a PITCH drum beats/beating, a PITCH drum plays/playing;
    siren: a PITCH siren wails/wailing, a PITCH alarm howls/howling;
    engine: a PITCH engine hums/humming, a PITCH motor runs/running;
    tune_up: a PITCH rising tune plays/playing, a PITCH melody goes/going up and up;
    tune_down: a PITCH falling tune plays/playing, a PITCH melody goes/going down and down;
    birds: birds sing/singing, birds twitter/twittering, birdsong sounds/sounding;
    rain: rain patters/pattering, rain pours/pouring; clock: a clock ticks/ticking, a watch ticks/ticking;
    surf: surf roars/roaring, waves crash/crashing, waves break/breaking;
    crickets: crickets chirp/chirping, insects chirp/chirping; phone: a phone rings/ringing, a telephone rings/ringing;
    applause: people clap/clapping, a crowd applauds/applauding, an audience claps/clapping""")
PITCHED = ("bell", "drum", "siren", "engine", "tune_up", "tune_down")
# What a place or a thing sounds like. Most films that show one of these let it be heard; all others come by chance.
BELONGS = {"beach": ("surf",), "forest": ("birds", "crickets"), "city": ("bell", "siren"), "room": ("clock", "phone"),
           "meadow": ("birds", "crickets"), "kitchen": ("clock", "phone"), "car": ("engine",)}
PITCHES = {"low": ["low", "deep"], "high": ["high", "shrill"]}
# Skin tones (art.SKINS) are drawn, never captioned, and independent of everything else.
HAIR, STYLES = _ways("black; brown; blond: blond, fair; red; grey"), _ways("short; long; curly; bald")
EXPRESSIONS = {"smiling": ["smiling", "happy"], "sad": ["sad", "unhappy"], "surprised": ["surprised", "astonished"],
               "neutral": []}

# Combinations that train, val and stills never show.
TEST_ONLY_LOOKS = frozenset({("heart", "green"), ("star", "blue"), ("ball", "pink"), ("car", "yellow"),
                             ("kite", "black"), ("flower", "orange"), ("boat", "red"), ("umbrella", "purple")})
TEST_ONLY_MOVES = frozenset({("balloon", "spin"), ("butterfly", "left"), ("mushroom", "up"), ("box", "swing")})


@dataclass(frozen=True)
class Thing:
    """A coloured thing and how it moves; motion and speed are None in a still."""

    shape: str
    colour: str
    motion: str | None = "still"
    speed: str | None = None


@dataclass(frozen=True)
class Face:
    """A drawn person; `hair` is also the colour of brows and beard, `skin` an index into art.SKINS."""

    hair: str = "brown"
    style: str = "short"
    glasses: bool = False
    beard: bool = False
    expression: str = "neutral"
    skin: int = 4


@dataclass(frozen=True)
class Script:
    """The facts of one film (or still: sound None). `sound` may be "silence"; `time` is None where there is none."""

    id: str
    split: str
    place: str
    time: str | None
    things: tuple[Thing, ...]
    sound: str | None = "silence"
    pitch: str | None = None
    face: Face | None = None

    def to_dict(self) -> dict:
        """The facts as plain JSON types."""
        return asdict(self)

    @staticmethod
    def from_dict(facts: dict) -> "Script":
        """The script that `to_dict` wrote."""
        things = tuple(Thing(**thing) for thing in facts["things"])
        return Script(**{**facts, "things": things, "face": Face(**facts["face"]) if facts["face"] else None})


def twin_key(script: Script) -> str:
    """The facts without id and split: two scripts with the same key are twins."""
    facts = script.to_dict() | {"id": "", "split": ""}
    return json.dumps(facts | {"things": sorted(map(json.dumps, facts["things"]))}, sort_keys=True)


def test_only(script: Script) -> bool:
    """Whether the script shows a combination that is kept for the test split."""
    return any((t.shape, t.colour) in TEST_ONLY_LOOKS or (t.shape, t.motion) in TEST_ONLY_MOVES for t in script.things)


def _invent(id: str, split: str, rng: np.random.Generator) -> Script:
    def pick(options):
        return options[rng.integers(len(options))]

    place = pick(list(PLACES))
    time = None if place in NO_TIME else pick(list(TIMES))
    count = 1 + (rng.random() < 0.35)
    shapes, colours = rng.permutation(list(SHAPES))[:count], rng.permutation(list(COLOURS))[:count]
    things = []
    for shape, colour, motion in zip(shapes, colours, rng.permutation(list(MOTIONS)), strict=False):
        motion = None if split == "still" else str(motion)
        speed = pick(list(SPEEDS)) if motion and motion not in NO_SPEED else None
        things.append(Thing(str(shape), str(colour), motion, speed))
    sound = None if split == "still" else "silence" if rng.random() < 0.12 else pick(list(SOUNDS))
    pitch = pick(list(PITCHES)) if sound in PITCHED else None
    (chance,) = rng.spawn(1)  # a stream of its own
    fitting = [s for what in (place, *(thing.shape for thing in things)) for s in BELONGS.get(what, ())]
    if fitting and sound not in (None, "silence") and chance.random() < 0.7:
        sound = fitting[chance.integers(len(fitting))]
        pitch = list(PITCHES)[chance.integers(len(PITCHES))] if sound in PITCHED else None
    face = Face(pick(list(HAIR)), pick(list(STYLES)), bool(rng.random() < 0.5), bool(rng.random() < 0.4),
                pick(list(EXPRESSIONS)), int(rng.integers(len(art.SKINS))))
    return Script(id, split, place, time, tuple(things), sound, pitch, face if rng.random() < 0.5 else None)


def scripts(seed: int = 0) -> list[Script]:
    """All scripts of TinyClips: train, val, test and stills; no two are twins, TEST_ONLY_* appear in test only."""
    rng, seen, made = np.random.default_rng([seed, 1]), set(), []
    for split, count in SPLITS.items():
        for number in range(count):
            while True:
                script = _invent(f"{split}_{number:04d}", split, rng)
                if twin_key(script) not in seen and (split == "test" or not test_only(script)):
                    break
            seen.add(twin_key(script))
            made.append(script)
    return made


# ---------------------------------------------------------------------------------------------------------- captions
# A claim says which facts a caption mentions: {"place": .., "things": [{"shape": .., "motion": ..}], "face": {..}}.

MENTIONED = {1: 0.26, 2: 0.40, 3: 0.26, 4: 0.08}  # how many experts a caption mentions


def claims(script: Script, seed: int = 0) -> list[tuple[str, set[str], dict]]:
    """3 to 5 captions of a film (2 of a still) as (text, experts that it mentions, the facts it mentions)."""
    rng = _rng(script, seed, "captions")
    present = ["appearance"] + ["face"] * (script.face is not None)
    present += ["motion"] * (script.things[0].motion is not None) + ["audio"] * (script.sound not in (None, "silence"))
    made = {}
    wanted = 2 if script.sound is None else int(rng.integers(3, 6))
    while len(made) < wanted:
        count = min(rng.choice(list(MENTIONED), p=list(MENTIONED.values())), len(present))
        experts = set(map(str, rng.permutation(present)[:count]))
        claim = _choose_facts(script, experts, rng)
        made.setdefault(_sentence(claim, rng), (experts, claim))
    return [(text, experts, claim) for text, (experts, claim) in made.items()]


def _rng(script, seed, what):  # one stream for each purpose, so changing a fact leaves all other draws as they were
    return np.random.default_rng([seed, zlib.crc32(script.id.encode()), zlib.crc32(what.encode())])


def captions(script: Script, seed: int = 0) -> list[tuple[str, set[str]]]:
    """3 to 5 captions of a film (2 of a still) as (text, experts that it mentions)."""
    return [(text, experts) for text, experts, _ in claims(script, seed)]


def _choose_facts(script: Script, experts: set[str], rng) -> dict:
    def some(chances):  # at least one of the facts
        names = [name for name, chance in chances.items() if rng.random() < chance]
        return names or [str(rng.choice([name for name in chances if chances[name] > 0]))]

    claim = {}
    order = rng.permutation(len(script.things))
    spoken = [script.things[i] for i in order[: 1 if rng.random() < 0.6 else 2]]
    things = [{} for _ in spoken]
    if "appearance" in experts:
        seen = some({"place": 0.5, "time": 0.25 * (script.time is not None), "shape": 0.7, "colour": 0.6})
        claim |= {name: getattr(script, name) for name in ("place", "time") if name in seen}
        for said, thing in zip(things, spoken, strict=True):
            said |= {name: getattr(thing, name) for name in ("shape", "colour") if name in seen}
    if "motion" in experts:
        for said, thing in zip(things, spoken, strict=True):
            said["motion"] = thing.motion
            if thing.speed in ("slow", "fast") and rng.random() < 0.5:
                said["speed"] = thing.speed
    if any(things):
        claim["things"] = things
    if "audio" in experts:
        claim["sound"] = script.sound
        if script.pitch and rng.random() < 0.6:
            claim["pitch"] = script.pitch
    if "face" in experts:
        face = script.face
        chances = {"style": 0.45, "hair": 0.45 * (face.style != "bald"), "glasses": 0.6 * face.glasses,
                   "beard": 0.6 * face.beard, "expression": 0.5 * (face.expression != "neutral")}
        claim["face"] = {name: getattr(face, name) for name in some(chances)}
    return claim


def _sentence(claim: dict, rng) -> str:
    def say(options):
        return str(rng.choice(options))

    def verb(phrase, form, adverb=""):  # "moves/moving to the left" -> "moves slowly to the left"
        head, _, tail = phrase.partition(" ")
        late = head[:4] in ("gets", "grow", "come") or rng.random() < 0.4
        return " ".join(filter(None, [head.split("/")[form], *([tail, adverb] if late else [adverb, tail])]))

    def thing_words(said, form, other):  # form 0: "a red ball spins", 1: "a red ball spinning", None: "a red ball"
        colour = say(COLOURS[said["colour"]]) if "colour" in said else ""
        if "shape" in said:
            words = " ".join(filter(None, ["a", colour, say(SHAPES[said["shape"]])]))
        else:
            nouns = ["something else", "another thing"] if other else ["something", "a thing", "an object"]
            words = say([f"something {colour}", f"a {colour} thing", f"a {colour} object"]) if colour else say(nouns)
        if "motion" in said:
            adverb = say(SPEEDS[said["speed"]]) if "speed" in said else ""
            return f"{words} {verb(say(MOTIONS[said['motion']]), 0 if form is None else form, adverb)}"
        return words

    def person_words(face):
        before = [say(EXPRESSIONS[face["expression"]])] if "expression" in face else []
        after = []
        if face.get("style") == "bald":
            before.append("bald")
        elif "style" in face or "hair" in face:
            after.append(" ".join(filter(None, [say(STYLES[face["style"]]) if "style" in face else "",
                                                say(HAIR[face["hair"]]) if "hair" in face else "", "hair"])))
        after += ["a beard"] * ("beard" in face) + [say(["glasses", "spectacles"])] * ("glasses" in face)
        noun = say(["person", "face"]) if "bald" not in before else "person"
        words = " ".join(["a", *before, noun]) if before else say(["a person", "someone"])
        if after:
            words += " with " + (", ".join(after[:-1]) + " and " if after[1:] else "") + after[-1]
        return words

    where = " ".join(say(table[claim[name]]) for name, table in (("place", PLACES), ("time", TIMES)) if name in claim)
    things = claim.get("things", [])
    moving = any("motion" in said for said in things)
    person = person_words(claim["face"]) if "face" in claim else ""
    sound = say(SOUNDS[claim["sound"]]) if "sound" in claim else ""
    sound = re.sub("PITCH ", say(PITCHES[claim["pitch"]]) + " " if "pitch" in claim else "", sound)
    heard, hearing = re.sub(r"/\w+", "", sound), re.sub(r"\w+/", "", sound)

    full = bool(rng.random() < 0.6)  # a full sentence ("a ball spins"), or a title ("a ball spinning")
    front = bool(where) and full and rng.random() < 0.35
    if things:
        scene = " and ".join(thing_words(said, 0 if full else 1, i > 0) for i, said in enumerate(things))
        if full and not moving:
            scene = say([f"there is {scene}", f"we see {scene}", f"you can see {scene}"])
    elif where and not person and not sound:
        return say([f"we are {where}", f"a view {where}", f"somewhere {where}", f"this happens {where}"])
    else:
        scene = ""
    if person and full:
        person = say([f"{person} looks at us", f"{person} is there", f"there is {person}", f"we see {person}"])
    if where and not front:
        if scene:
            scene += " " + where
        elif person:
            person += " " + where
        else:
            heard, hearing = heard + " " + where, hearing + " " + where
    seen = [part for part in (scene, person) if part]
    if rng.random() < 0.5:
        seen.reverse()
    if full:
        text = say([" and ", " while ", " as "]).join(seen) if not sound else say([" and ", ", "]).join(seen)
        if sound and seen:
            text = say([f"{text} while {heard}", f"{text} and {heard}", f"{heard} while {text}", f"{text} as {heard}",
                        f"{text}, and we hear {hearing}"])
        elif sound:
            text = say([heard, f"we hear {hearing}", f"you can hear {hearing}"])
        text = f"{where}{say([' ', ', '])}{text}" if front else text
    else:
        text = say([" and ", ", and "]).join(seen)
        if sound:
            text = say([f"{text} with {hearing}", f"{text}, {hearing}"]) if text else say(
                [f"the sound of {hearing}", hearing, f"{hearing} in the background"])
    return re.sub(r"\ba(?= [aeiou])", "an", text)


def fits(claim: dict, script: Script) -> bool:
    """Whether everything that a caption mentions is true of a script."""
    if any(claim[name] != getattr(script, name) for name in ("place", "time", "sound", "pitch") if name in claim):
        return False
    if "face" in claim and (script.face is None or any(getattr(script.face, k) != v for k, v in claim["face"].items())):
        return False
    said = claim.get("things", [])
    orders = [script.things, script.things[::-1]]
    return any(len(said) <= len(order) and all(getattr(thing, k) == v for one, thing in zip(said, order, strict=False)
                                               for k, v in one.items()) for order in orders)


def oracle_r1(clips: list[Script], seed: int = 0) -> float:
    """Mean R@1 in percent, text to clip, of a reader who knows all facts and guesses among the clips that fit."""
    return 100 * float(np.mean([1 / sum(fits(claim, clip) for clip in clips)
                                for script in clips for _, _, claim in claims(script, seed)]))


# ------------------------------------------------------------------------------------------------------------- films

# Motion. Left and right, up and down, closer and away are one path each, run either way from a random start.

def _path(thing: Thing, t: np.ndarray, home, scale: float, rng) -> np.ndarray:
    """x, y, scale, degrees at each time of t (seconds), (frames, 4); home is where a thing that stays put is."""
    pace = {None: 1.0, "slow": 0.42, "medium": 1.0, "fast": 2.1}[thing.speed] * rng.uniform(0.9, 1.1)
    x, y = (np.full(len(t), float(v)) for v in home)
    size, angle, phase = np.full(len(t), scale), np.full(len(t), rng.uniform(-8, 8)), rng.random()
    across, updown = WIDTH + 50, HEIGHT + 50  # a thing that leaves comes in again on the other side
    kind, side = thing.motion, rng.choice([-1, 1])
    if kind in ("left", "right"):
        x = (phase * across + (1 if kind == "right" else -1) * 52 * pace * t) % across - 25
    elif kind in ("up", "down"):
        y = (phase * updown + (1 if kind == "down" else -1) * 46 * pace * t) % updown - 25
    elif kind == "bounce":
        y = y + 26 - 52 * np.abs(np.sin(np.pi * (phase + 0.95 * pace * t)))
    elif kind == "spin":
        angle = phase * 360 + side * 130 * pace * t
    elif kind == "circle":
        turn = 2 * np.pi * (phase + side * 0.45 * pace * t)
        x, y = x + 27 * np.cos(turn), y + 27 * np.sin(turn)
    elif kind == "zigzag":
        x = (phase * across + side * 40 * pace * t) % across - 25
        y = y - 30 + 60 * np.abs((1.1 * pace * t + rng.random()) % 2 - 1)
    elif kind == "swing":
        angle = 38 * np.sin(2 * np.pi * (phase + 0.6 * pace * t))
        x, y = x - 58 * np.sin(np.radians(angle)), y - 40 + 58 * np.cos(np.radians(angle))
    elif kind == "shake":
        x, y = x + 3.5 * np.sin(2 * np.pi * (phase + 3.7 * t)), y + 2.5 * np.sin(2 * np.pi * (phase + 4.6 * t))
        angle = angle + 9 * np.sin(2 * np.pi * (phase + 4.1 * t))
    elif kind in ("grow", "shrink"):
        reach = min(0.34 * pace * t[-1] if len(t) > 1 else 0, 1.25) * (1 if kind == "grow" else -1)
        size = scale * np.exp(reach * (t / max(t[-1], 1e-9) - 0.5))
    elif kind not in ("still", None):
        raise ValueError(f"no such motion: {kind!r}; known: {', '.join(MOTIONS)}")
    return np.stack([x, y, size, angle], 1)


def _seen_path(thing: Thing, t: np.ndarray, home, scale: float, left: float, right: float, rng) -> np.ndarray:
    """A path in view, with x in left..right (not behind the person), for at least two fifths of the film.

    Run backwards it is still such a path, so the choice of paths says nothing about direction.
    """
    for _ in range(100):
        path = _path(thing, t, home, scale, rng)
        x, y = path[:, 0], path[:, 1]
        if np.mean((x > left) & (x < right) & (y > 0) & (y < HEIGHT)) >= 0.4:
            break
    return path


def render(script: Script, seed: int = 0):
    """Draw and play one script.

    Returns frames (T, HEIGHT, WIDTH, 3) uint8 RGB, audio (samples,) float32 or None where the film has no sound track,
    frames per second, samples per second, and the face's box (x0, y0, x1, y1) in pixels or None. A still has one frame.
    """
    rng = _rng(script, seed, "camera")
    count = 1 if script.sound is None else int(rng.integers(2.5 * FPS, 4 * FPS + 1))
    t = np.arange(count) / FPS
    wave = rng.uniform(0, 6.3, 4)
    drift = np.stack([1.3 * np.sin(1.1 * t + wave[0]) + 0.6 * np.sin(2.9 * t + wave[1]),
                      1.1 * np.sin(0.9 * t + wave[2]) + 0.5 * np.sin(2.3 * t + wave[3])], 1)
    behind = art.background(script.place, script.time, _rng(script, seed, "place"))

    left, right, box = 38.0, WIDTH - 38.0, None  # where things live
    if script.face:
        rng = _rng(script, seed, "face")
        state = int(rng.integers(2**31))
        eyes = [art.person(script.face, np.random.default_rng(state), blink) for blink in (False, True)]
        size, side = rng.uniform(0.92, 1.06), rng.choice([-1, 1])
        aside = WIDTH / 2 - rng.uniform(50, 58) * size
        where = np.array([WIDTH / 2 + side * aside, HEIGHT + 3 - (art.PERSON_H - art.CENTRE[1]) * size])
        sway = rng.uniform(1.5, 3) * np.sin(2 * np.pi * (rng.uniform(0.2, 0.45) * t + rng.random()))
        blinks = rng.integers(3, max(4, count), 2) if count > 1 else []
        left, right = (38.0, WIDTH - 112.0) if side > 0 else (112.0, WIDTH - 38.0)
        x0, y0, x1, y1 = np.asarray(art.FACE_BOX) * art.HEAD * size + [*where, *where]
        box = (max(0, round(x0)), max(0, round(y0)), min(WIDTH, round(x1)), min(HEIGHT, round(y1)))

    things, rng = [], _rng(script, seed, "things")
    slots = rng.permutation(len(script.things))
    for thing, slot in zip(script.things, slots, strict=True):
        share = (slot + rng.uniform(0.3, 0.7)) / len(script.things)
        home = (left + (right - left) * share, rng.uniform(62, 108))
        scale = rng.uniform(0.9, 1.1) * (0.9 if len(script.things) > 1 else 1)
        path = _seen_path(thing, t, home, scale, left - 34, right + 34, rng)
        things.append((art.cut_out(thing.shape, thing.colour, rng), path))

    frames = np.empty((count, HEIGHT, WIDTH, 3), np.uint8)
    for i in range(count):
        dx, dy = drift[i]
        view = np.array([[1, 0, dx - art.PAD], [0, 1, dy - art.PAD]])
        frame = cv2.warpAffine(behind, view, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        for cut, path in things:
            x, y, scale, angle = path[i]
            art.paste(frame, cut, art.pose(x + dx, y + dy, scale, angle, art.CUT), 0.35)
        if script.face:
            pose = art.pose(where[0] + dx, where[1] + dy, size, sway[i], np.array([art.PERSON_W, art.PERSON_H]),
                         (art.CENTRE[0] / art.PERSON_W, art.CENTRE[1] / art.PERSON_H))
            art.paste(frame, eyes[int(i in blinks)], pose, 0.25)
        frames[i] = np.clip(frame + 0.5, 0, 255)

    samples = round(count / FPS * RATE)
    rng = _rng(script, seed, "sound")
    if script.sound is None or (script.sound == "silence" and rng.random() < 0.5):
        audio = None
    elif script.sound == "silence":
        audio = np.zeros(samples, np.float32)
    else:
        audio = art.sound(script.sound, script.pitch, samples, rng)
    return frames, audio, FPS, RATE, box


def write_mp4(path, frames, audio, fps: int = FPS, rate: int = RATE) -> None:
    """Write frames (T, H, W, 3) uint8 and audio (samples,) float32 or None as .mp4 (H.264, AAC), never half a file."""
    faststart = {"movflags": "faststart", "fflags": "+bitexact"}
    with atomic(path) as partial, av.open(str(partial), "w", format="mp4", options=faststart) as out:
        # x264's fast code gives different bytes on different processors unless told not to
        options = {"crf": "20", "preset": "veryfast", "threads": "1", "x264-params": "cpu-independent=1"}
        picture = out.add_stream("libx264", rate=fps, options=options)
        picture.width, picture.height, picture.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        if audio is not None:
            sound = out.add_stream("aac", rate=rate, layout="mono")
            sound.bit_rate = 64000
        for frame in frames:
            out.mux(picture.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(picture.encode())
        if audio is not None:
            for start in range(0, len(audio), 1024):
                part = av.AudioFrame.from_ndarray(audio[None, start: start + 1024], format="fltp", layout="mono")
                part.sample_rate, part.pts, part.time_base = rate, start, Fraction(1, rate)
                out.mux(sound.encode(part))
            out.mux(sound.encode())


def _write(path, content: bytes) -> None:
    with atomic(path) as partial:
        partial.write_bytes(content)


def _write_one(job) -> dict:
    script, folder, seed = job
    cv2.setNumThreads(1)  # the films are spread over processes instead
    frames, audio, fps, rate, box = render(script, seed)
    name = f"{script.id}.{'png' if script.sound is None else 'mp4'}"
    if script.sound is None:
        _write(folder / name, cv2.imencode(".png", frames[0][..., ::-1])[1].tobytes())
    else:
        write_mp4(folder / name, frames, audio, fps, rate)
    split = "train" if script.split == "still" else script.split  # stills are for training only
    return {"file": name, "split": split, "face_box": " ".join(map(str, box)) if box else ""}


def films(folder, seed: int = 0, only=None, processes: int = 2) -> None:
    """Write the films with captions.csv, the stills with stills.csv, and scripts.jsonl (all facts) into a folder.

    `only` holds the ids to write; None: all. Raises ValueError for an unknown id.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = scripts(seed)
    if only:
        unknown = set(only) - {script.id for script in chosen}
        if unknown:
            raise ValueError(f"no such film: {', '.join(sorted(unknown))}; ids look like train_0042 or still_0999")
        chosen = [script for script in chosen if script.id in only]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        jobs = [(script, folder, seed) for script in chosen]
        rows = list(tqdm(pool.imap(_write_one, jobs, chunksize=4), total=len(jobs), unit="film", desc="films"))
    for name, is_still in (("captions.csv", False), ("stills.csv", True)):
        text = io.StringIO()
        table = csv.DictWriter(text, ["file", "split", "caption", "mentions", "face_box"], lineterminator="\n")
        table.writeheader()
        for script, row in zip(chosen, rows, strict=True):
            for caption, experts in captions(script, seed) if (script.split == "still") == is_still else []:
                names = "+".join(expert for expert in EXPERTS if expert in experts)
                table.writerow(row | {"caption": caption, "mentions": names})
        _write(folder / name, text.getvalue().encode())
    _write(folder / "scripts.jsonl", "".join(json.dumps(script.to_dict()) + "\n" for script in chosen).encode())


def pack(full, output, facts_file, frequent: int = 10_000) -> None:
    """Make the small file that travels with the book from the clip file that data_scripts/extract wrote.

    The same clips, experts and dimensions; features rounded to 6 significant bits (at most 1.6 % off), which compress
    to less than half; small storyboards, with a single picture for the clips that are not searched (train); a
    vocabulary of the captions' words and the `frequent` most frequent English ones; and every script's facts.
    """
    clips = read_clips(full)
    facts = {line["id"]: line for line in map(json.loads, Path(facts_file).read_text(encoding="utf-8").splitlines())}
    kinds = {name: (expert.kind, expert.dim) for name, expert in clips.experts.items()}
    mentions = [[name for name, yes in zip(kinds, row, strict=True) if yes] for row in clips.mentions.tolist()]
    attributes = {key: clips.attributes[key] for key in ("title", "source", "licence", "made_by")}
    words = words_for(clips.texts, frequent)
    with ClipWriter(output, kinds, words, "float16", compression="gzip", **attributes) as out:
        for i, id in enumerate(clips.ids):
            features = {
                name: _round_bits(expert.features[expert.offsets[i] : expert.offsets[i + 1]].numpy())
                for name, expert in clips.experts.items()
            }
            captions = clips.captions_of([i])[0].tolist()
            board = clips.storyboard(i)
            board = board if clips.split[i] != "train" else board[len(board) // 2 :][:1]
            out.add(id, clips.split[i], features, [clips.texts[k] for k in captions], [mentions[k] for k in captions],
                    [_small_jpeg(picture) for picture in board], facts[id])


def _round_bits(values: np.ndarray, bits: int = 6) -> np.ndarray:
    """float16 with only `bits` significant binary digits, rounded: the rest are zeros, which compress well."""
    drop = 11 - bits  # float16 has 11, the leading one unwritten
    raw = values.astype("<f2").view("<u2").astype(np.uint32)
    raw = (raw + (1 << (drop - 1))) >> drop << drop  # a carry runs on into the exponent, as it should
    return raw.astype("<u2").view("<f2")


def _small_jpeg(picture: bytes, width: int = 64, quality: int = 50) -> bytes:
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    image = cv2.resize(image, (width, round(width * image.shape[0] / image.shape[1])), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1])[1].tobytes()


def main(arguments=None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("films", help="render films and stills with their captions into a folder")
    command.add_argument("folder")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--only", nargs="+", metavar="ID", help="write only these films")
    command.add_argument("--processes", type=int, default=2)
    command = commands.add_parser("pack", help="make the small file of the book from data_scripts/extract's")
    command.add_argument("full", help="what data_scripts/extract wrote")
    command.add_argument("output")
    command.add_argument("--facts", required=True, metavar="FOLDER/scripts.jsonl")
    command.add_argument("--frequent", type=int, default=10_000, help="words kept besides the captions' own (10000)")
    options = parser.parse_args(arguments)
    if options.command == "films":
        films(options.folder, options.seed, options.only, options.processes)
    else:
        pack(options.full, options.output, options.facts, options.frequent)


if __name__ == "__main__":
    main()
