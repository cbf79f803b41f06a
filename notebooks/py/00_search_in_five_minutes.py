# %% [markdown]
# # How do you find a film with a sentence?
#
# **You will learn** what you will be able to build by the end of this book: a search that takes a sentence and gives
# films, shows which part of the film answered, and can be wrong without saying so.
#
# **You need** nothing yet. A loudspeaker helps. If you have not installed anything, the badges below open this page
# in a browser.
#
# **Minutes** 5

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/00_search_in_five_minutes.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F00_search_in_five_minutes.ipynb)

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

# %% [markdown]
# The book comes with 3,000 short films, *TinyClips*, which a program draws and plays, and with a small model that was
# trained on 2,000 of them. The next cell loads both. It searches the other thousand, on which the model was not
# trained. (`SearchService` turns a sentence into a ranking; it is what the book's search page runs on.)

# %%
from lesson import EXPERTS, need, play, results, show

need("search")  # on Colab this installs a package; elsewhere it does nothing
import matplotlib.pyplot as plt

from mee import load_model, read_clips
from mee.demo import SearchService

clips = read_clips("data/tinyclips.h5")
model, words = load_model("data/tinyclips_model.pt")
search = SearchService(model.float(), clips, words, score="paper")
print(f"{len(search.index):,} films to search")

# %% [markdown]
# ## Ask
#
# Here is a sentence. Run the cell, then write one of your own and run it again.

# %%
sentence = "deep under water a phone rings"

hits = search.answer(sentence, k=4).hits
results(clips, hits)

# %% [markdown]
# All four are under water, and in all four a phone rings. Only seven of the thousand films are like that. Nothing was
# looked up: the words above the bars are what we know of each film, and the search never reads them. What it compares
# with your sentence are numbers that four **experts** took from the film.
#
# - **Appearance** looks at single pictures.
# - **Motion** sees how things move.
# - **Audio** hears.
# - **Face** looks at a face, where there is one.
#
# A bar shows what each of them added to the score. To the left of the line lies what an expert took off. Press play on
# the first film:

# %% tags=["nbval-ignore-output"]
first = clips.facts[search.number[hits[0].id]]
play(first)

# %% [markdown]
# ## Which expert is asked?
#
# The sentence decides how far each expert is trusted. It does so before any film is looked at, with four numbers that
# sum to 1, the **mixture weights**.
#
# > **Predict.** One of these sentences is about looks, one about movement, one about sound. Which expert gets the most
# > from each?

# %% tags=["hide-input"]
sentences = ["a yellow boat", "something spins quickly", "we hear a bell ringing"]
figure, axes = plt.subplots(figsize=(7, 2.2))
for y, text in enumerate(sentences):
    weights, left = search.answer(text).weights, 0
    for name in EXPERTS:
        if name in weights:
            label = name if y == 0 else None
            axes.barh(y, weights[name], left=left, label=label, **EXPERTS[name])
            left += weights[name]
axes.set_yticks(range(3), sentences)
axes.invert_yaxis()
axes.set_xlabel("mixture weight")
figure.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.05))
show(
    figure,
    "A yellow boat gives most weight to appearance, something spins quickly to motion, "
    "and we hear a bell ringing to audio.",
)

# %% tags=["hide-cell", "check"]
for text, expert in zip(sentences, ("appearance", "motion", "audio"), strict=True):
    weights = search.answer(text).weights
    assert max(weights, key=weights.get) == expert
    assert weights[expert] > 1.15 * sorted(weights.values())[-2], (text, weights)

# %% [markdown]
# Nobody told the model which words belong to which expert. It learnt that from films and captions.
#
# ## Take an expert away
#
# What if nobody listened? We ask for the bell twice: with all experts, and without audio.
#
# > **Predict.** There is a bell in 69 of the thousand films. In how many of the first twenty, with audio and without?

# %%
bell = "we hear a bell ringing"
everybody = ["appearance", "motion", "audio", "face"]
for experts in (everybody, ["appearance", "motion", "face"]):
    found = search.answer(bell, experts, k=20).hits
    sounds = [clips.facts[search.number[hit.id]]["sound"] for hit in found]
    print(f"{sounds.count('bell'):>2} of 20 with {', '.join(experts)}")

# %% [markdown]
# With audio all twenty have a bell; without it, none has. Yet the question still gets twenty films, in order, with
# scores. Here are the first three.

# %%
results(clips, search.answer(bell, ["appearance", "motion", "face"], k=3).hits)

# %% [markdown]
# Experts are also missing without our help: a silent film has no audio, and a film without people has no face. What a
# search does then is the question of [lesson 05](05_missing_faces.ipynb).
#
# ## A question that it gets wrong
#
# Twelve of the thousand films show a red car.
#
# > **Predict.** What colour are the first four cars for *a red car*?

# %%
results(clips, search.answer("a red car", k=4).hits)

# %% [markdown]
# Four cars, and not one is red. The search does not say so, and the scores look as good as those of the phone under
# water. [Lesson 15](15_wrong_answers.ipynb) explains this one, and six more kinds of question that go wrong silently.
#
# ## The trap: there is always a first
#
# A ranking puts some film first whatever you ask, so a score is no proof that anything fits. Nothing in TinyClips is
# about the stock market.
#
# > **Predict.** Whose best film has the higher score, *a red car* or *the stock market falls*?

# %%
for text in (sentence, "a red car", "the stock market falls"):
    print(f"best score ≈ {search.answer(text).hits[0].score:.2f}  {text}")

# %% tags=["hide-cell", "check"]
red, stocks = ("a red car", "the stock market falls")
best = {text: search.answer(text).hits[0].score for text in (red, stocks)}
assert best[stocks] > best[red] + 0.03, best
assert len(search.answer(stocks).notes) == 0

# %% [markdown]
# The question about nothing here has the best score of the three. Do not read a score as a probability, nor compare the
# scores of two sentences.
#
# ## Summary
#
# A sentence was turned into numbers, films had been turned into numbers before, and the films whose numbers are most
# similar came first. Four experts each compared one side of a film, and the sentence decided how far each was trusted.
# Without audio the search still answered, and found no bell. A score orders films for one sentence; it does
# not say that any of them fits.
#
# **What comes next.** [Lesson 01](01_clips_and_experts.ipynb) shows what the experts see. Then you build the model
# piece by piece, put it together in [lesson 08](08_build_mee.ipynb), and in [lesson 13](13_your_own_videos.ipynb) you
# search films of your own.
#
# ## Exercises
#
# Three tiny ones: 1. find a film with a sentence of your own; 2. ask one expert alone; 3. find a sentence that fails.
#
# Write them in the [exercise notebook](exercises/00_search_in_five_minutes.ipynb); one way to do it is in the
# [solutions](solutions/00_search_in_five_minutes.ipynb).
#
# ## Where next
#
# On to [lesson 01](01_clips_and_experts.ipynb): what is there to see, hear and miss in a film?
