# %% [markdown] slideshow={"slide_type": "slide"}
# # How do you find a film with a sentence?
#
# **You will learn** what you can build by the end of this book: a search that takes a sentence and returns films, shows
# whether looks, movement, sound or a face decided, and can be wrong without saying so.
#
# **You need** nothing yet. A loudspeaker helps. If you have installed nothing, the badges below open this page in a
# browser.
#
# **Minutes** 5

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/00_search_in_five_minutes.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F00_search_in_five_minutes.ipynb)

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

# %% [markdown] slideshow={"slide_type": "skip"}
# The book comes with 3,000 short films, [*TinyClips*](glossary.md#tinyclips), which a program draws and adds sound to,
# and with a small model that was trained on 2,000 of them. The next cell loads both, and prepares a search of the other
# thousand, which the model has never met. `score="paper"` computes scores as in the paper that this book is about,
# [Miech et al., 2018](references.md#miech2018).

# %% slideshow={"slide_type": "skip"}
from lesson import EXPERTS, draw, need, play, results, show

need("search")  # on Colab this installs a package; elsewhere it does nothing
import matplotlib.pyplot as plt

from mee import load_model, read_clips
from mee.demo import SearchService

clips = read_clips("data/tinyclips.h5")
model, words = load_model("data/tinyclips_model.pt")
search = SearchService(model.float(), clips, words, score="paper")
print(f"{len(search.index):,} films to search")

# %% tags=["remove-input"]
draw("here_00", "You are here: a sentence goes in, and ranked films come out.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Ask
#
# Run this cell; then put a sentence of your own into it and run it again. It may be about a place, a thing and its
# colour, a movement, a sound or a face.

# %%
sentence = "deep under water a phone rings"

hits = search.answer(sentence, k=4).hits
results(clips, hits, caption="What the search found, and what each expert added.")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
wanted = {"place": "underwater", "sound": "phone"}.items()
phones = {
    id for id, number in search.number.items() if wanted <= clips.facts[number].items()
}
underwater_hits = search.answer("deep under water a phone rings", k=4).hits
assert len(phones) == 7 and phones.issuperset(hit.id for hit in underwater_hits)

# %% [markdown] slideshow={"slide_type": "skip"}
# All four are under water, and in all four a phone rings; only seven of the thousand films are like that. Nothing was
# looked up: the words above the bars are what we know of each film, and the search never reads them. The search
# compares your sentence with numbers that four [**experts**](glossary.md#expert) took from each film, and sorts the
# films by a [score](glossary.md#score). A bar shows what each expert added to a film's score; to the left of the line
# lies what an expert took off.
#
# - **Appearance** looks at single pictures.
# - **Motion** sees how things move.
# - **Audio** hears.
# - **Face** looks at a face, if there is one.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "00_sentence_to_results",
    "Films become numbers once, a sentence when it is asked; the search compares "
    "the two and sorts. A film without a face has no numbers for it.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Press play on the first film:

# %% slideshow={"slide_type": "slide"} tags=["nbval-ignore-output"]
first = clips.facts[search.number[hits[0].id]]
play(first)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## See which expert is trusted
#
# The sentence decides how far each expert is trusted. It does so before any film is looked at, with four numbers that
# sum to 1, the [**mixture weights**](glossary.md#mixture-weight).
#
# > **Predict.** One of these sentences is about looks, one about movement, one about sound. Which expert gets the most
# > from each?

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
sentences = ["a yellow boat", "something spins quickly", "we hear a bell ringing"]
figure, axes = plt.subplots(figsize=(7, 2.4))
for y, text in enumerate(sentences):
    weights, left = search.answer(text).weights, 0
    for name in EXPERTS:
        if name in weights:
            label = name if y == 0 else None
            axes.barh(y, weights[name], left=left, label=label, **EXPERTS[name])
            if weights[name] == max(weights.values()):
                middle = left + weights[name] / 2
                box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
                number = f"{weights[name]:.2f}"
                axes.text(middle, y, number, ha="center", va="center", bbox=box)
            left += weights[name]
axes.set_yticks(range(3), sentences)
axes.invert_yaxis()
axes.set_xlabel("mixture weight")
axes.set_xlim(0, 1)
figure.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.07))
show(
    figure,
    "A yellow boat gives most weight to appearance, something spins quickly to motion, "
    "and we hear a bell ringing to audio.",
    "Each sentence gives most weight to the expert that can answer it.",
)

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
for text, expert in zip(sentences, ("appearance", "motion", "audio"), strict=True):
    weights = search.answer(text).weights
    assert max(weights, key=weights.get) == expert
    assert weights[expert] > 1.15 * sorted(weights.values())[-2], (text, weights)

# %% [markdown] slideshow={"slide_type": "skip"}
# The model was never told which words belong to which expert. It learnt that from films and their captions.
#
# Each expert also says how similar it finds film and sentence. A film's score is the mean of these
# [similarities](glossary.md#similarity), each counted in proportion to its weight. As the weights sum to 1, that is a
# sum of products. Here it is for the fourth film under water, which all four experts know.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "00_weights_times_similarities",
    "The fourth film's score: audio finds it very similar, and appearance counts most.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Take an expert away
#
# What if nothing could be heard? We ask for the bell twice: with all experts, and without audio.
#
# > **Predict.** A bell rings in 69 of the thousand films. In how many of the first twenty does one ring, with audio and
# > without?

# %% slideshow={"slide_type": "slide"}
bell = "we hear a bell ringing"
everybody = ["appearance", "motion", "audio", "face"]
for experts in (everybody, ["appearance", "motion", "face"]):
    found = search.answer(bell, experts, k=20).hits
    sounds = [clips.facts[search.number[hit.id]]["sound"] for hit in found]
    print(f"{sounds.count('bell'):>2} of 20 with {', '.join(experts)}")

# %% [markdown] slideshow={"slide_type": "skip"}
# With audio all twenty have a bell; without audio, none has. Yet the search still returns twenty films, in order and
# with scores. Here are the first three.

# %% slideshow={"slide_type": "slide"}
without_audio = search.answer(bell, ["appearance", "motion", "face"], k=3).hits
caption = "Without audio the search for a bell still answers."
results(clips, without_audio, right=set(), caption=caption)

# %% [markdown] slideshow={"slide_type": "skip"}
# Many films lack an expert from the start: a silent film has no audio, and a film without people has no face. What a
# search should do then is the question of [lesson 05](05_missing_faces.ipynb).
#
# ## Ask a question that the search gets wrong
#
# Twelve of the thousand films show a red car.

# %% slideshow={"slide_type": "skip"} tags=["hide-cell"]
red_car = {"shape": "car", "colour": "red"}.items()
has_red_car = {
    id
    for id, number in search.number.items()
    if any(red_car <= thing.items() for thing in clips.facts[number]["things"])
}

# %% [markdown] slideshow={"slide_type": "slide"}
# > **Predict.** What colour are the first four cars for *a red car*?

# %% slideshow={"slide_type": "slide"}
hits = search.answer("a red car", k=4).hits
results(clips, hits, right=has_red_car, caption="Four answers to “a red car”.")

# %% [markdown] slideshow={"slide_type": "skip"}
# Four cars, and not one is red. The search does not say so, and its scores look as good as those for the phone under
# water. A look further down the list shows what went wrong.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "00_first_hundred",
    "The first hundred films for a red car: the search knows car, and hardly red.",
)

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert len(has_red_car) == 12
ranked = search.answer("a red car", k=100).hits
reds = [place for place, hit in enumerate(ranked, 1) if hit.id in has_red_car]
assert reds[0] == 14 and len(reds) == 10

# %% [markdown] slideshow={"slide_type": "slide"}
# The cars come first, whatever their colour; the first red one comes 14th. [Lesson 15](15_wrong_answers.ipynb)
# explains why, and shows six more kinds of question that go wrong silently.
#
# ## The trap: there is always a first
#
# A ranking puts some film first whatever you ask, so coming first is no proof that a film fits. Is a high score a
# proof? Nothing in TinyClips is about the stock market.
#
# > **Predict.** Whose best film has the higher score, *a red car* or *the stock market falls*?

# %% slideshow={"slide_type": "slide"}
for text in ("deep under water a phone rings", "a red car", "the stock market falls"):
    print(f"best score ≈ {search.answer(text).hits[0].score:.2f}  {text}")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
red, stocks = ("a red car", "the stock market falls")
best = {text: search.answer(text).hits[0].score for text in (red, stocks)}
assert best[stocks] > best[red] + 0.03, best
assert len(search.answer(stocks).notes) == 0
falling = search.answer(stocks).hits[0]
assert max(falling.parts, key=falling.parts.get) == "motion"

# %% [markdown] slideshow={"slide_type": "slide"}
# The question that nothing here can answer has the best score of the three. Here is the film that it found.

# %% slideshow={"slide_type": "slide"}
best_film = search.answer("the stock market falls", k=1).hits
caption = "The best film for “the stock market falls”."
results(clips, best_film, right=set(), caption=caption)

# %% [markdown] slideshow={"slide_type": "slide"}
# Most of the score comes from motion, as a balloon *falls* in this film. Do not read a score as a probability, and do
# not compare the scores of two sentences.
#
# ## Summary
#
# Films had been turned into numbers beforehand; the sentence was turned into numbers too, and the films whose numbers
# are most similar came first. Four experts each compared one side of a film, and the sentence decided how far each was
# trusted. Without audio the search still answered, and found no bell. A score orders films for one sentence; it does
# not say that any of them fits.
#
# **What comes next.** [Lesson 01](01_clips_and_experts.ipynb) shows what the experts see. Then you build the model
# piece by piece, put it together in [lesson 08](08_build_mee.ipynb), and in [lesson 13](13_your_own_videos.ipynb) you
# search films of your own. The model is that of [Miech et al., 2018](references.md#miech2018).

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Ten questions: choose an answer, and read why it is right or wrong.

# %% tags=["quiz", "remove-input"]
from lesson import quiz

quiz("00")

# %% [markdown]
# ## Exercises
#
# Three tiny ones: 1. find a film with a sentence of your own; 2. ask one expert alone; 3. make the search fail.
#
# Write them in the [exercise notebook](exercises/00_search_in_five_minutes.ipynb); one way to do it is in the
# [solutions](solutions/00_search_in_five_minutes.ipynb).
#
# ## Where next
#
# On to [lesson 01](01_clips_and_experts.ipynb): what can you see, hear and miss in a film?
