# %% [markdown]
# # Solutions: How do you find a film with a sentence?
#
# Three tiny exercises to [the lesson](../00_search_in_five_minutes.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/00_search_in_five_minutes.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F00_search_in_five_minutes.ipynb)

# %% tags=["setup", "hide-input"]
# @title Set-up: run this cell first
import os

if os.path.exists("../lesson.py"):  # exercises and solutions work in the book's folder, as the lessons do
    os.chdir("..")
elif not os.path.exists("lesson.py"):  # this notebook came alone, as on Colab: fetch its book and install mee
    address = os.environ.get("MEE_REPOSITORY", "https://github.com/OWNER/mee")
    # !test -d mee-book || git clone --quiet --depth 1 "{address}" mee-book
    # %run mee-book/notebooks/lesson.py
    os.chdir("mee-book/notebooks")

# %%
from lesson import need, results

need("search")
from mee import load_model, read_clips
from mee.demo import SearchService

clips = read_clips("data/tinyclips.h5")
model, words = load_model("data/tinyclips_model.pt")
search = SearchService(model.float(), clips, words, score="paper")


def facts_of(hits):
    """What is true of each hit: a list of dicts."""
    return [clips.facts[search.number[hit.id]] for hit in hits]


# %% [markdown]
# ## Exercise 1
#
# Find a film at the beach that shows a boat. Any sentence will do that brings such a film into the first four.

# %% tags=["solution"]
# set my_sentence to a str
### BEGIN SOLUTION: as the comment says
my_sentence = "a boat on the beach"
### END SOLUTION

# %% tags=["check", "points-2"]
hits = search.answer(my_sentence, k=4).hits
fits = [
    facts["place"] == "beach"
    and any(thing["shape"] == "boat" for thing in facts["things"])
    for facts in facts_of(hits)
]
assert any(fits), "none of the first four is a boat at the beach: try other words"
print("exercise 1: found")

# %% [markdown]
# ## Exercise 2
#
# `search.answer(sentence, experts, k=...)` asks only the experts that you name, a list of their names. Which single
# expert finds *waves crash* best? Count the films with `facts["sound"] == "surf"` among the first twenty.


# %% tags=["solution"]
# write surf(expert): how many of the first twenty films for "waves crash"
# have the sound "surf", asking this expert alone
### BEGIN SOLUTION: as the comment says
def surf(expert):
    hits = search.answer("waves crash", [expert], k=20).hits
    return sum(facts["sound"] == "surf" for facts in facts_of(hits))
### END SOLUTION


# %% tags=["check", "points-2"]
counts = {name: surf(name) for name in ("appearance", "motion", "audio", "face")}
assert all(0 <= count <= 20 for count in counts.values()), "a number from 0 to 20"
assert max(counts, key=counts.get) == "audio", "who hears the waves?"
assert counts["audio"] - counts["motion"] >= 8, "look again at what you count"
print("exercise 2: audio hears the waves")

# %% [markdown] tags=["solution"]
# Each of the other three alone finds hardly more waves than chance: one film in ten has them.

# %% [markdown]
# ## Exercise 3
#
# Find a colour and a thing, other than *red* and *car*, for which the search fails: several films show this thing in
# this colour, and none of the first four does. The colours are pink, red, green, blue, orange, black, yellow and
# purple; the things are balloon, ball, butterfly, boat, mushroom, star, box, flower, heart, kite, umbrella and car.

# %% tags=["solution"]
# set colour and shape, both a str
### BEGIN SOLUTION: as the comment says
colour, shape = "green", "star"
### END SOLUTION

# %% tags=["check", "points-2"]
assert (colour, shape) != ("red", "car"), "that one is the lesson's"
wanted = {"colour": colour, "shape": shape}
gallery = [clips.facts[number] for number in search.number.values()]
shown = [
    [wanted.items() <= thing.items() for thing in facts["things"]].count(True)
    for facts in (*gallery, *facts_of(search.answer(f"a {colour} {shape}", k=4).hits))
]
assert sum(shown[:-4]) >= 3, f"fewer than three films show a {colour} {shape}"
assert sum(shown[-4:]) == 0, (
    "one of the first four has it, so the search works: look further"
)
print("exercise 3: the films are there, and the search does not find them")

# %%
hits = search.answer(f"a {colour} {shape}", k=4).hits
caption = f"Four wrong answers to “a {colour} {shape}”."
results(clips, hits, right=set(), caption=caption)
