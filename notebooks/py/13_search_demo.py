# %% [markdown]
# # How do you ask in your own words?
#
# **You will learn** to search a thousand clips with a sentence of your own; to take a score apart and say why this clip
# came first; to build a small search page from widgets; to recognise six questions that such a page answers wrongly
# without a word of doubt; and to ask the other way, for the sentences of a clip.
#
# **You need** [lesson 04](04_mixture_weights.ipynb) (weights and scores), [lesson 05](05_missing_faces.ipynb) (experts
# that are not there), and the packages of the extra `search`. `ipywidgets` came with the book's packages; Colab has it.
#
# **Minutes** 40

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/13_search_demo.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F13_search_demo.ipynb)

# %% tags=["setup"]
import os

if os.path.exists("../lesson.py"):  # exercises and solutions work in the book's folder, as the lessons do
    os.chdir("..")
elif not os.path.exists("lesson.py"):  # this notebook came alone, as on Colab: fetch its book and install mee
    address = os.environ.get("MEE_REPOSITORY", "https://github.com/OWNER/mee")
    # !test -d mee-book || git clone --quiet --depth 1 "{address}" mee-book
    # %run mee-book/notebooks/lesson.py
    os.chdir("mee-book/notebooks")

# %%
import io

import matplotlib.pyplot as plt
import torch
from lesson import need, show
from PIL import Image

need("search")  # on Colab it is installed now; where it is, nothing happens
from mee import TextEmbedding, fit_clips, read_clips
from mee.demo import SearchService

torch.set_printoptions(precision=2, sci_mode=False)

# %% [markdown]
# ## A question is one sentence and two products
#
# A small model first, as in [lesson 07](07_training.ipynb), with the other loss of
# [lesson 06](06_ranking_loss.ipynb). It learns from the training split alone. We search the other two splits: a
# thousand films that no training has seen.

# %%
clips = read_clips("data/tinyclips.h5")
small = {"epochs": 12, "dim": 128, "lr": 2e-3, "text_clusters": 8, "sequence_clusters": 4, "loss": "info-nce"}
model = fit_clips(clips, **small, seed=0, val=[], progress=False).model.cpu()
clips.to("cpu")  # fit_clips uses a GPU if there is one; from here on everything is small
rows = torch.cat([clips.clips_in("val"), clips.clips_in("test")])
experts, words = model.experts, clips.words
print(len(rows), "clips;", experts)

# %% [markdown]
# Embed the clips once. This is what a search index keeps: for each expert one vector a clip, and the mask. The films,
# even the features, are no longer needed. How large is `there`?

# %%
with torch.no_grad():
    gallery = model.embed_video(*clips.video(rows))
video, there = gallery
print({name: tuple(x.shape) for name, x in video.items()}, "there:", tuple(there.shape))

# %% [markdown]
# Then, for each question: words, word vectors, one embedding an expert, weights; and the score of
# [lesson 04](04_mixture_weights.ipynb), by hand. Type a sentence of your own in its place, if you like; the checks
# below hold for any.

# %%
sentence = "deep under water a phone rings"


def ask(text):
    """A sentence as a TextEmbedding: vectors, expert -> (1, dimensions), and weights (1, experts)."""
    with torch.no_grad():
        return model.embed_text(*words.batch([text]))


def scores(text, there=there):
    """The score of a sentence with every clip: (clips,)."""
    embedding, weights = ask(text)
    likeness = torch.stack([(embedding[name] @ video[name].T)[0] for name in experts], 1)  # (clips, experts)
    trust = weights * there
    return (trust * likeness).sum(1) / trust.sum(1)


torch.testing.assert_close(scores(sentence), model.score(ask(sentence), gallery)[0].detach())

# %% [markdown]
# The best five, and what is true of them, since TinyClips knows. Eight films of the thousand fit.


# %% tags=["nbval-ignore-output"]
def truth(row):
    """What is to be seen and heard in the clip of a row of the index, in a line."""
    facts = clips.facts[rows[row]]
    things = " and ".join(f"{thing['colour']} {thing['shape']} ({thing['motion']})" for thing in facts["things"])
    face = facts["face"] and f"{facts['face']['style']} {facts['face']['hair']} hair"
    return f"{facts['place']} {facts['time'] or ''}: {things}; {facts['sound']}; {face or 'no face'}"


def ranking(text, k=5):
    """The best k clips with their scores and what is true of them; gives their rows."""
    best = scores(text).topk(k)
    for score, row in zip(best.values, best.indices, strict=True):
        print(f"{score:.2f} {clips.ids[rows[row]]} {truth(row)}")
    return best.indices


found = ranking(sentence)
assert sum("underwater" in truth(row) and "phone" in truth(row) for row in found) >= 3

# %% [markdown]
# That went well. Now one in which a colour matters. Which word is served well, and which badly?

# %% tags=["nbval-ignore-output"]
ranking("a red car")
twenty = [truth(row) for row in scores("a red car").topk(20).indices]
assert sum(" car (" in line for line in twenty) >= 12 and sum("red car" in line for line in twenty) <= 8

# %% [markdown]
# Cars are found, and most of them are not red. A colour is a small thing to see for an expert that was trained on
# photographs of a thousand kinds of objects, and gives the mean over eight pictures. Nobody can find what no expert
# wrote down clearly.
#
# The library's search is the same. `SearchService` keeps the model, the clips and an index (`mee.search`; [lesson
# 14](14_scale.ipynb) makes it large); `answer` gives what a page would show.

# %%
search = SearchService(model, clips, words, rows)
best, answer = scores(sentence).topk(5), search.answer(sentence, k=5)
assert [search.number[hit.id] for hit in answer.hits] == rows[best.indices].tolist()
torch.testing.assert_close(torch.tensor([hit.score for hit in answer.hits]), best.values, atol=1e-4, rtol=0)
print(len(answer.hits), "hits, the same clips with the same scores")

# %% [markdown]
# ## Why this clip?
#
# A score is a sum, so it can be read. For each expert that the clip has: how much the sentence trusts it, **after** the
# weights have been shared out among those that are there, times how alike it finds the two. What must the products add
# up to?


# %%
def why(text, row):
    """expert -> (weight, similarity) of a clip, for the experts that it has; the weights sum to 1."""
    embedding, weights = ask(text)
    trust = (weights * there[row])[0]
    trust = trust / trust.sum()
    return {
        name: (float(trust[n]), float(embedding[name][0] @ video[name][row]))
        for n, name in enumerate(experts)
        if there[row, n]
    }


reasons = why(sentence, best.indices[0])
total = sum(weight * similarity for weight, similarity in reasons.values())
assert abs(total - float(best.values[0])) < 1e-5
print("weights sum to", round(sum(weight for weight, _ in reasons.values()), 2), "and the products to the score")

# %% [markdown]
# Those are the two numbers beside each bar of the search page. The library gives them with each hit, and without
# those experts that the clip lacks.

# %%
for row, hit in zip(best.indices, answer.hits, strict=True):
    by_hand = why(sentence, row)
    assert list(by_hand) == list(hit.weight) == list(hit.similarity)
    for name, (weight, similarity) in by_hand.items():
        assert abs(hit.weight[name] - weight) < 1e-4 and abs(hit.similarity[name] - similarity) < 1e-4
print("five hits, the same reasons")

# %% tags=["hide-input"]
pair = "a boat while a bell rings"
hits = search.answer(pair, k=4).hits
figure, axes = plt.subplots(1, 4, figsize=(9, 2.4), sharey=True)
for axis, hit in zip(axes, hits, strict=True):
    for n, name in enumerate(experts):
        if name not in hit.weight:
            axis.text(0.02, n, "absent", va="center", fontsize=8)
            continue
        share = hit.weight[name] * hit.similarity[name]
        axis.barh(n, share, color="#4a7fb5", hatch="" if share > 0 else "///", edgecolor="white")
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_title(f"{hit.id}: {hit.score:.2f}", fontsize=9)
    axis.set_xlim(-0.12, 0.5)
axes[0].set_yticks(range(4), experts)
axes[0].invert_yaxis()
figure.supxlabel("weight x similarity (the bars add up to the score)", fontsize=9, y=-0.08)
show(figure, "Four clips for 'a boat while a bell rings'. Appearance and audio give nearly all of each score; where an "
     "expert is absent there is no bar, and the others' bars are longer.")  # fmt: skip

# %% [markdown]
# ## Take an expert away
#
# What if nobody had listened? Leaving an expert out is nothing new: it is one more column of *not there*. We ask for a
# bell, with and without the audio expert, and count bells among the best twenty. Chance is about one in sixteen. Make a
# guess for both.


# %%
def right(found, key, value):
    """How many clips have this fact."""
    return sum(clips.facts[rows[row]][key] == value for row in found.tolist())


bell = "we hear a bell ringing"
deaf = there & torch.tensor([name != "audio" for name in experts])
hearing, unheard = scores(bell).topk(20), scores(bell, deaf).topk(20)
bells = right(torch.arange(len(rows)), "sound", "bell")
assert right(hearing.indices, "sound", "bell") >= 16 and right(unheard.indices, "sound", "bell") <= 5
assert 0.04 < bells / len(rows) < 0.09
print("nearly all of the twenty with the audio expert; without it about as many as by chance")

# %% [markdown]
# The library does it by name.

# %%
seeing = [name for name in experts if name != "audio"]
hits = search.answer(bell, seeing, k=20).hits
assert [search.number[hit.id] for hit in hits] == rows[unheard.indices].tolist()
assert not any("audio" in hit.weight for hit in hits)
print("the same twenty, and nobody asked the audio expert")

# %% [markdown]
# Twenty clips came back all the same, in an order, with scores. **A ranking always has a first.** Nothing in the list
# says that the only expert who could know was not asked. A page has to: it must show which experts took part.
#
# ## A page of widgets
#
# Now a page: a text field, a box for each expert, and the answer below. `observe` calls a function when something
# changes. In a running notebook (JupyterLab, Colab, Binder) type something, press Enter, and take experts away.

# %% tags=["nbval-ignore-output"]
import ipywidgets as widgets

from mee.demo.page import CSS, answer_html, clip_html

field = widgets.Text(value=sentence, description="Sentence", continuous_update=False, layout={"width": "90%"})
boxes = [widgets.Checkbox(value=True, description=name, indent=False) for name in experts]
result = widgets.HTML()


def refresh(change=None):
    """Ask what stands in the field, with the experts that are ticked."""
    chosen = [box.description for box in boxes if box.value]
    answer = search.answer(field.value, chosen, k=4)
    left_out = [name for name in experts if name not in chosen]
    found = zip(answer.hits, answer.full_ranks, strict=True)  # a hit, and its rank with all experts
    cards = "".join(clip_html(search, hit, rank, full, left_out) for rank, (hit, full) in enumerate(found, 1))
    result.value = f"<style>{CSS}</style>{answer_html(answer, len(rows))}{cards}"


for widget in (field, *boxes):
    widget.observe(refresh, "value")
refresh()
widgets.VBox([field, widgets.HBox(boxes), result])

# %% [markdown]
# For those who read without a kernel, the same for one setting: *in the forest a balloon*, all experts.


# %%
def pictures(hits, words):
    """Three pictures of each of these clips, in a figure."""
    figure, axes = plt.subplots(3, len(hits), figsize=(9, 4.6), gridspec_kw={"hspace": 0.03, "wspace": 0.05})
    for column, hit in zip(axes.T, hits, strict=True):
        column[0].set_title(f"{hit.score:.2f}", fontsize=9)
        for axis, jpeg in zip(column, clips.storyboard(search.number[hit.id]), strict=True):
            axis.imshow(Image.open(io.BytesIO(jpeg)))
            axis.axis("off")
    show(figure, words)


hits = search.answer("in the forest a balloon", k=5).hits
pictures(hits, "Five clips in columns, three pictures each: balloons, most of them in a forest.")

# %% [markdown]
# The real page does a little more: films with sound, the rank that a clip had before an expert was taken away, the
# sentences for a clip. Start it in a terminal, in the folder of this repository:
#
#     mee demo
#
# It is seen by your own machine only, and it fetches nothing from anywhere.
#
# ## Six questions that it answers wrongly
#
# With a page in front of you it takes a minute to find sentences that fail. Here are six kinds. None of them raises an
# error; for each, guess what happens before you run the cell.
#
# **1. A word that it does not know.** A word without a vector is left out. So what does *two butterflies* find, if
# *butterfly* is in the vocabulary and *butterflies* is not?

# %%
assert words.unknown("two butterflies") == ["butterflies"] and "butterfly" in words.index
torch.testing.assert_close(scores("two butterflies"), scores("two"))
for note in search.answer("two butterflies").notes:
    print(note)

# %% [markdown]
# Whatever is nearest to *two*. This failure is the only one of the six that a program can notice, so the page says it.
#
# **2. Who does what to whom.** NetVLAD adds up its words ([lesson 02](02_words_and_netvlad.ipynb)), and a sum does not
# know an order.

# %%
chase = scores("the dog runs after the cat")
torch.testing.assert_close(chase, scores("the cat runs after the dog"))
torch.testing.assert_close(scores("a red ball and a blue car"), scores("a blue ball and a red car"))
print("the same scores for all", len(chase), "clips, whoever runs after whom")

# %% [markdown]
# **3. Not.** We ask for a city street *without a person*. Half of all films show a person. How many of the best twenty
# will?


# %%
def faces(text, k=20):
    """How many of the best k clips show a face."""
    return sum(clips.facts[rows[row]]["face"] is not None for row in scores(text).topk(k).indices.tolist())


for text in ("a city street without a person", "nobody is there"):
    assert not words.unknown(text) and faces(text) >= 13, text
print("of twenty, 13 or more show a person, where chance is 10")

# %% [markdown]
# *Without a person* finds persons: the word *person* is there, and no caption ever taught what *without* does to it.
# People who describe a film do not list what it lacks. (TinyClips' captions never do.)
#
# **4. How many.** No film shows two boats: where there are two things, they differ in shape. Ask for them anyway.

# %%
shapes = [[thing["shape"] for thing in clips.facts[row]["things"]] for row in rows.tolist()]
assert max(one.count("boat") for one in shapes) == 1
boats = sum("boat" in shapes[row] for row in scores("two boats").topk(20).indices.tolist())
assert boats >= 10
print("half of the twenty or more show one boat; none shows two")

# %% [markdown]
# **5. A question about nothing here.** The best clip for *the stock market falls*, or *a court of law*: surely its
# score is low? We compare with the best scores of all captions that were written about these clips.

# %%
captions, _ = clips.captions_of(rows)
with torch.no_grad():
    best_of_captions = model.score(model.embed_text(*clips.text(captions)), gallery).max(1).values
strange = ["the stock market falls", "a court of law", "my computer has no memory left", "the parliament votes"]
passed = [float((best_of_captions < scores(text).max()).double().mean()) for text in strange]
assert not words.unknown(" ".join(strange)) and max(passed) > 0.08
print("at least one of the four strange questions beats more than a twelfth of the real ones")

# %% [markdown]
# So no threshold tells real questions from strange ones without refusing real ones too. A score orders clips for *one*
# sentence. It is not a probability, and it says nothing about whether any clip fits.
#
# **6. A question about somebody.** No caption says more of a person than hair, glasses, a beard and an expression. Yet
# the page has an answer to *a guilty person*, and shows faces. And to *an innocent person*? As a measure: *a bald
# person* and *a person with long hair* should have no clip in common.


# %%
def common(one, other, k=20):
    """How many clips are among the best k of both sentences."""
    return len(set(scores(one).topk(k).indices.tolist()) & set(scores(other).topk(k).indices.tolist()))


assert not words.unknown("guilty innocent person") and faces("a guilty person") >= 16
assert common("a guilty person", "an innocent person") >= 6 and common("a bald person", "a person with long hair") <= 2
print("guilty and innocent share six clips or more of twenty; bald and long hair two at most")

# %% [markdown]
# *Guilty* and *innocent* stand in the same sentences of the news, so their word vectors are near each other, and the
# same people are shown for both. Nobody's face was ever looked at for guilt. What looks like an answer is an accident
# of the training, with somebody's picture beside it. Here they are drawings. In a collection of real films they would
# be people, and the face expert of the paper is a descriptor that was made to *recognise* persons. **Who builds a page
# decides which questions it takes.** Leaving the face expert out is one tick; words that judge people can be refused;
# and what a search finds about a person should be evidence of nothing.
#
# ## The clip asks
#
# Video to text: which sentences fit this clip? There is nothing new to compute. The clip's **column** of the same
# matrix, over all captions.

# %%
clip = clips.ids.index("test_0081")  # the pink flower and the smiling person of lesson 01
row = rows.tolist().index(clip)
with torch.no_grad():
    text = model.embed_text(*clips.text(captions))
    column = model.score(text, gallery.rows([row]))[:, 0]
found = [clips.texts[captions[i]] for i in column.topk(20).indices.tolist()]
by_library = [sentence for sentence, _, _ in search.sentences("test_0081", k=5)]
assert list(dict.fromkeys(found))[:5] == by_library  # it names a sentence once, whoever wrote it
print("the same five sentences")

# %% tags=["nbval-ignore-output"]
for sentence, score, own in search.sentences("test_0081", k=5):
    print(f"{score:.2f} {sentence}{'   (its own)' if own else ''}")

# %% [markdown]
# Users of the original code asked in public *which weights* to use in this direction, and got no answer. The formula
# says: each candidate sentence brings its own, as a clip has none. Then the candidates stand on different scales: a
# sentence's typical score depends on which experts it trusts. One could give all of them the same weights instead,
# the mean over all sentences. [Lesson 04](04_mixture_weights.ipynb) tried that with another loss and fewer clips. What
# do you expect for R@1, and for R@10?

# %% tags=["nbval-ignore-output"]
from mee import ranks
from mee.metrics import pad_positives

_, owner = clips.captions_of(rows)
matrix = {"its own": text.weights, "the same": text.weights.mean(0).expand_as(text.weights)}
matrix = {label: model.score(TextEmbedding(text.vectors, w), gallery).detach() for label, w in matrix.items()}
print("weights    v2t R@1  R@10   t2v R@1  R@10")
for label, found in matrix.items():
    both = ranks(found.T, pad_positives(owner, len(rows))), ranks(found, owner)
    percent = [100 * float((ranked <= k).double().mean()) for ranked in both for k in (1, 10)]
    print("{:<10} {:6.1f} {:6.1f}   {:6.1f} {:6.1f}".format(label, *percent))
    matrix[label] = percent
print("chance        0.1    1.0      0.1    1.0")
assert matrix["the same"][0] > matrix["its own"][0] - 1, "v2t R@1: no loss"
assert matrix["the same"][2] < matrix["its own"][2] and matrix["the same"][3] < matrix["its own"][3], "t2v: a loss"

# %% [markdown]
# For the first place of a clip the same weights for all sentences are no worse, in our runs two to five points
# better; at R@10 they lost one or two points. For sentences that rank clips their own weights are better throughout.
# (A model that is *trained* with uniform weights gains more, see the [results](results.md).) The page keeps to the
# formula, and says that these scores are on another scale.
#
# ## The trap: the second question
#
# A script evaluates once and ends. A page asks again and again, with the same clips in memory. The first public code
# **wrote its results into the dict that the caller passed**, and transposed them there. Here is a block that does so,
# on numbers that can be followed: three clips, an expert with two features, and a layer that swaps the two.

# %%
swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]])


def careless(question, videos):
    """Scores (clips,) of a question; keeps its embeddings in the caller's dict, one clip a column."""
    for name in videos:
        videos[name] = (videos[name] @ swap).T
    return sum(question @ x for x in videos.values())


question = torch.tensor([1.0, 0.0])
memory = {"face": torch.tensor([[0.1, 0.9], [0.2, 0.8], [0.7, 0.3]])}
print(careless(question, memory))
print("and the clips are now", tuple(memory["face"].shape), "where they were (3, 2)")

# %% [markdown]
# The first answer is right: the second features, 0.9, 0.8, 0.3. The second question raises, and an error is the lucky
# case.

# %% tags=["raises-exception"]
careless(question, memory)

# %% [markdown]
# Lucky, as somebody notices. When does nobody? When the shapes fit by chance: as many clips as features. The paper's
# embeddings have as many dimensions as the features, so 128 clips with a face descriptor of 128 are enough. Here: two
# clips, two features. The same question, three times.

# %%
memory = {"face": torch.tensor([[0.1, 0.9], [0.7, 0.3]])}
answers = [careless(question, memory).tolist() for _ in range(3)]
for answer in answers:
    print([round(score, 1) for score in answer], "-> clip", answer.index(max(answer)))
assert answers[0].index(max(answers[0])) != answers[1].index(max(answers[1]))

# %% [markdown]
# Another clip comes first the second time, other scores come out the third time, and no message. The mend is a rule: *a
# function that computes scores changes nothing that it was given.* The library's network, asked twice on all clips, and
# the clips afterwards:

# %%
videos, ind, masks = clips.video(rows)
before = {name: x.clone() for name, x in videos.items()}
mask_before = {name: x.clone() for name, x in ind.items()}
with torch.no_grad():
    twice = [model(*words.batch(["a bell rings"]), videos, ind, masks) for _ in range(2)]
assert torch.equal(*twice)
assert all(torch.equal(videos[name], before[name]) and torch.equal(ind[name], mask_before[name]) for name in experts)
print("the same answer twice, bit for bit, and nothing in the caller's dicts has changed")

# %% [markdown]
# ## Summary
#
# - A search embeds the clips once; each question then costs one embedding and two products.
# - A score is a sum over the experts that a clip has, of weight times similarity: it says why a clip came first.
# - A ranking always has a first. Unknown words, order, *not*, numbers and questions about nothing here pass without an
#   error, and no threshold on the score tells them apart.
# - A page that shows people answers questions about people that nobody has looked into.
# - Asked by a clip, each sentence brings its own weights and so its own scale.
#
# ## Exercises
#
# 1. Which expert decided? 2. A search that does not pretend: only clips that have the expert which the sentence trusts
# most. 3. Your own sentences: three that work, and one that fails.
#
# Write them in the [exercise notebook](exercises/13_search_demo.ipynb); one way to do it is in the
# [solutions](solutions/13_search_demo.ipynb).
#
# ## Where next
#
# [Lesson 14](14_scale.ipynb) searches a million clips. Before this came the [paper's
# experiments](12_msrvtt.ipynb).
