# %% [markdown]
# # Solutions: How do you find a film with a sentence?
#
# Three tiny exercises for [the lesson](../00_search_in_five_minutes.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/00_search_in_five_minutes.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F00_search_in_five_minutes.ipynb)

# %% tags=["setup", "hide-input"]
# @title Set-up: run this cell first
import os

if os.path.exists("../lesson.py"):
    os.chdir("..")  # exercises and solutions work in the book's folder, too
elif not os.path.exists("lesson.py"):
    # this notebook came alone, as on Colab: fetch its book and install mee
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
# ## Exercise 1 (easy): a sentence of your own
#
# Find a film at the beach that shows a boat. Any sentence will do that brings such a film into the first four.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Say what the film shows, as a caption of the lesson would: a thing and a place.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Write the sentence between quotation marks, in small letters and common words, and with both things that the
# question names.
#
# </details>

# %% tags=["solution"]
# my_sentence, a str: the sentence to search for
### BEGIN SOLUTION: set my_sentence
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
### BEGIN HIDDEN TESTS
boats = 0
for one in search.answer(my_sentence, k=4).hits:
    true_of = clips.facts[clips.ids.index(one.id)]
    shapes = [thing["shape"] for thing in true_of["things"]]
    boats += true_of["place"] == "beach" and "boat" in shapes
assert boats > 0, "no boat at the beach"
### END HIDDEN TESTS
print("exercise 1: found")

# %% [markdown]
# **In words.** Does each of the first four films have to show a boat at the beach? Say why, or why not.

# %% [markdown] tags=["written", "points-1"]
# No. The search gives each film a score and shows the four highest. It does not leave out the films that do not fit,
# so a beach without a boat can come into the first four.

# %% [markdown]
# ## Exercise 2 (usual): ask one expert alone
#
# `search.answer(sentence, experts, k=...)` asks only the experts that you name, a list of their names. Which single
# expert finds *waves crash* best? Count the films with `facts["sound"] == "surf"` among the first twenty.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `facts_of(hits)` gives one dictionary per film, and each has the key `"sound"`. The lesson took an expert away by
# such a list of names.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Ask with the list `[expert]` and with `k=20`, go through the facts of the hits, and count. Then call your function
# with each of the four names and compare the counts.
#
# </details>


# %% tags=["solution"]
def surf(expert):
    """How many of the first twenty films for "waves crash" have the sound "surf".

    expert: a str, the name of the one expert that is asked. Returns an int.
    """
    ### BEGIN SOLUTION: return the number of films with surf
    hits = search.answer("waves crash", [expert], k=20).hits
    return sum(facts["sound"] == "surf" for facts in facts_of(hits))
    ### END SOLUTION


# %% tags=["solution"]
# best, a str: the name of the expert that finds most of them
### BEGIN SOLUTION: set best
best = max(("appearance", "motion", "audio", "face"), key=surf)
### END SOLUTION

# %% tags=["check", "points-2"]
counts = {name: surf(name) for name in ("appearance", "motion", "audio", "face")}
assert all(0 <= count <= 20 for count in counts.values()), "a number from 0 to 20"
assert len(set(counts.values())) > 1, "the experts find different numbers of films"
assert best == max(counts, key=counts.get), "another expert finds more"
assert counts[best] >= 8 + sorted(counts.values())[-2], "look again at what you count"
### BEGIN HIDDEN TESTS
for name in ("appearance", "motion", "audio", "face"):
    listed = search.answer("waves crash", [name], k=20).hits
    sounds = [clips.facts[clips.ids.index(one.id)]["sound"] for one in listed]
    assert int(surf(name)) == sounds.count("surf"), f"{name}: another number"
### END HIDDEN TESTS
print("exercise 2: one expert finds the waves")

# %% [markdown]
# **In words.** The other three experts find a few films with waves, too. Do they know anything about waves?

# %% [markdown] tags=["written", "points-1"]
# Hardly. One film in ten has the sound of waves, so about two of any twenty films have it by chance. The other three
# find hardly more than that.

# %% [markdown]
# ## Exercise 3 (open-ended): make the search fail
#
# Find a colour and a thing, other than *red* and *car*, for which the search fails: several films show this thing in
# this colour, and none of the first four does. The colours are pink, red, green, blue, orange, black, yellow and
# purple; the things are balloon, ball, butterfly, boat, mushroom, star, box, flower, heart, kite, umbrella and car.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# There are 96 pairs. You need not read about each: two loops can ask for all of them.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# For each pair, ask for `f"a {colour} {shape}"` with `k=4`, look at the facts of the hits, and print the pairs where
# no hit has a thing of this `"colour"` and this `"shape"`. Then see whether at least three films show it.
#
# </details>

# %% tags=["solution"]
# colour and shape, each a str
### BEGIN SOLUTION: set colour and shape
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
### BEGIN HIDDEN TESTS
for one in search.answer(f"a {colour} {shape}", k=4).hits:
    for thing in clips.facts[clips.ids.index(one.id)]["things"]:
        pair = thing["colour"] + " " + thing["shape"]
        assert pair != f"{colour} {shape}", "one of the first four has it"
### END HIDDEN TESTS
print("exercise 3: the films are there, and the search does not find them")

# %%
hits = search.answer(f"a {colour} {shape}", k=4).hits
caption = f"Four wrong answers to “a {colour} {shape}”."
results(clips, hits, right=set(), caption=caption)

# %% [markdown]
# **In words.** Look at the four films. Make a guess why the search fails, and say what you would count to test your
# guess.

# %% [markdown] tags=["written", "points-2"]
# A guess: the model knows the colour and the thing one by one, and not which thing has which colour. A test counts,
# among the first twenty films of each failing pair, those with the thing in any colour, those with the colour on any
# thing, and those with both. If the first two are far more frequent than in all films, and the third is not, the
# guess survives. One pair alone tells little.
