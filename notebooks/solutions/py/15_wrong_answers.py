# %% [markdown]
# # Solutions: What does search answer wrongly without a word of doubt?
#
# Three exercises for [the lesson](../15_wrong_answers.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/15_wrong_answers.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F15_wrong_answers.ipynb)

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
from lesson import need

need("search")  # on Colab it is installed now; where it is, nothing happens
from mee import load_model, read_clips
from mee.demo import SearchService

clips = read_clips("data/tinyclips.h5")
model, words = load_model("data/tinyclips_model.pt")
search = SearchService(model.float(), clips, words, score="paper")
print(len(search.index), "clips;", search.experts)

# %% [markdown]
# ## Exercise 1
#
# A hit of `search.answer(sentence).hits` has `hit.weight` and `hit.similarity`, dicts by expert. Which expert added
# most to its score, and which pulled the score down, if any did?


# %% tags=["solution"]
# write decided(hit): the name of the expert that added most; and
# pulled(hit): a list of those that added less than 0
### BEGIN SOLUTION: as the comment says
def decided(hit):
    return max(hit.weight, key=lambda name: hit.weight[name] * hit.similarity[name])


def pulled(hit):
    return [name for name in hit.weight if hit.weight[name] * hit.similarity[name] < 0]
### END SOLUTION


# %% tags=["check", "points-2"]
for sentence in (
    "we hear a bell ringing",
    "a blue star in space",
    "something spins quickly",
    "a person with a beard",
):
    for hit in search.answer(sentence, k=20).hits:
        share = {name: hit.weight[name] * hit.similarity[name] for name in hit.weight}
        assert abs(sum(share.values()) - hit.score) < 1e-4, "shares add up to the score"
        assert share[decided(hit)] == max(share.values()), (
            f"{hit.id}: another expert added more"
        )
        assert all(
            (name in pulled(hit)) == (value < 0) for name, value in share.items()
        ), f"{hit.id}: who pulled?"
heard = [decided(hit) for hit in search.answer("we hear a bell ringing", k=10).hits]
assert heard.count("audio") >= 8, "a bell is found by ear"
print("exercise 1: right for eighty hits")

# %% [markdown]
# ## Exercise 2
#
# *A car and a bell rings* also finds silent cars: what a clip lacks cannot count against it. Write a search that does
# not pretend: it returns only clips that **have** the expert which the sentence trusts most. The order stays that of
# `search.answer`.
#
# `answer.weights` is a dict, expert to weight of the sentence. `search.index.search(sentence, k)` gives as many hits as
# you ask for.


# %% tags=["solution"]
# write honest(sentence, k): a list of k hits, best first, all with the
# expert that the sentence trusts most
### BEGIN SOLUTION: as the comment says
def honest(sentence, k=10):
    weights = search.answer(sentence).weights
    needed = max(weights, key=weights.get)
    return [
        hit
        for hit in search.index.search(sentence, len(search.index))
        if needed in hit.weight
    ][:k]
### END SOLUTION


# %% tags=["check", "points-2"]
for sentence in (
    "we hear a bell ringing",
    "a car and a bell rings",
    "a red ball",
    "something spins quickly",
):
    weights, hits = search.answer(sentence).weights, honest(sentence, 30)
    needed, everything = (
        max(weights, key=weights.get),
        search.index.search(sentence, len(search.index)),
    )
    assert len(hits) == 30 and all(needed in hit.weight for hit in hits), (
        f"{sentence}: a clip lacks {needed}"
    )
    kept = [hit.id for hit in everything if needed in hit.weight]
    assert [hit.id for hit in hits] == kept[:30], (
        f"{sentence}: the order is the library's, and none is skipped"
    )
heard = [
    clips.facts[search.number[hit.id]]["sound"]
    for hit in honest("we hear a bell ringing", 200)
]
assert "silence" not in heard, (
    "the sentence trusts audio most, and a silent clip came back"
)
print("exercise 2: right for four sentences")

# %% [markdown] tags=["solution"]
# Whether that is better depends on the question. Somebody who looks for a car and mentions the bell in passing may well
# want the silent film. A search page can leave the choice to them, as one more box to tick.

# %% [markdown]
# ## Exercise 3
#
# Write sentences of your own, and a judge for each. A judge is a function of a clip's facts that says whether the
# sentence fits. Find three sentences that have a fitting clip among the first five, and one that **fails**: several
# clips fit, and none of the first five does.
#
# Facts look like this:

# %%
for key, value in clips.facts[search.number["test_0081"]].items():
    print(f"{key:>7}: {value}")

# %% tags=["solution"]
# set works to three pairs (sentence, judge), and fails to one; a judge takes
# facts and gives a bool. each judge has to be true of 3 to 200 of the 1,000 clips
### BEGIN SOLUTION: as the comment says
works = [
    (
        "waves crash on the beach",
        lambda facts: facts["place"] == "beach" and facts["sound"] == "surf",
    ),
    (
        "deep under water a phone rings",
        lambda facts: facts["place"] == "underwater" and facts["sound"] == "phone",
    ),
    (
        "a bald person in space",
        lambda facts: (
            facts["place"] == "space" and "bald" in (facts["face"] or {}).values()
        ),
    ),
]
fails = (
    "it is quiet and nobody is there",
    lambda facts: facts["sound"] == "silence" and facts["face"] is None,
)
### END SOLUTION

# %% tags=["check", "points-2"]


def fitting(sentence, judge):
    """How many of the first five clips fit, and how many of all."""
    fits = {
        id: bool(judge(clips.facts[number])) for id, number in search.number.items()
    }
    assert 3 <= sum(fits.values()) <= 200, (
        f"{sentence}: {sum(fits.values())} clips fit; 3 to 200 are asked for"
    )
    return sum(fits[hit.id] for hit in search.answer(sentence, k=5).hits)


assert len(works) == 3 and len({sentence for sentence, _ in works}) == 3, (
    "three different sentences"
)
for sentence, judge in works:
    assert fitting(sentence, judge) > 0, f"{sentence}: none of the first five fits"
assert search.answer(fails[0]).hits and fitting(*fails) == 0, (
    f"{fails[0]}: one of the first five fits, so it works"
)
print("exercise 3: three that work, one that fails")
