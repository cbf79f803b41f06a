"""Prose that reads well: words that no text may use, and no sentence beyond a cap.

Looked at are the lessons' and solutions' text cells with the words of their figures, the book's pages, the readmes, and
the docstrings of mee; code, formulas and addresses are not prose. `python tests/test_style.py [FILE ...]` prints how
long the sentences of each file are, and the longest. (tests/test_words.py holds a shorter list against everything else,
comments included.)
"""

import ast
import functools
import re
import statistics
import sys
from pathlib import Path

import pytest
from test_words import BANNED

ROOT = Path(__file__).parents[1]
#: A sentence of more words than this is two sentences.
MOST_WORDS = 60

#: what was said -> what says it better; a space matches a line's end, too
SAY_INSTEAD = BANNED | {
    r"\bsimply\b|\bobviously\b|\bof course\b|\btrivially\b": "nothing: what is simple needs no such word",
    r"[\w)*]!(?=\W|$)": "a full stop: no exclamation marks",
    r"\bin order to\b": "to",
    r"\bdue to the fact that\b": "because",
    r"\butili[sz]\w+|\bleverag\w+": "use",
    r"\b(hereby|therein|thereof|wherein|hitherto|albeit|amongst|whilst|upon|till)\b": "in, of, on, until",
    r"\bdear(er)?\b": "expensive",
    r"\b(it|this) should be noted\b|\bnote that\b": "nothing, or what follows alone",
    r"\bcan not\b": "cannot",
    r"\bso called\b|\bso-called\b": "nothing, or the name alone",
    r"\bwhat is (not )?there\b(?! to\b)": "what is present, what is missing",
    r"\b(that|which) (is|are|was|were) (not )?there\b": "present, missing",
    r"\bsay in (it|this|that|them)\b": "count",
    r"\bclips? a (film|video)\b|\b(frames|words|steps|captions) a (second|clip|sentence|video|film)\b": "per",
    r"\b(behavior|color(s|ed|ful)?|favorite|center(s|ed)?|gray(er|ish)?|modeling|labeled)\b": "British spelling",
    r"\b(normali|optimi|summari|initiali|visuali|generali|organi|recogni|minimi|maximi)z(e|es|ed|ing|ation)\b": "-is-",
}


# --------------------------------------------------------------------------------------- what of a file is prose


@functools.cache
def prose(name, text):
    """``text`` of the same length, in which all but prose is blank; a code span or a formula is the word x."""
    if name.endswith(".md"):
        return markdown(text)
    if name.startswith("mee/"):
        return docstrings(text)
    return markdown(text_cells(text))


def text_cells(text):
    """The text cells of a script, without the signs of the comment."""
    lines, inside = [], False
    for line in text.splitlines(keepends=True):
        if line.startswith("# %%"):
            inside, line = "[markdown]" in line and "badges" not in line, blank(line)
        lines.append(re.sub(r"^# ?", blank, line) if inside else blank(line))
    return "".join(lines)


@functools.cache
def of_figures(text):
    """The captions and descriptions that a script gives to figures, drawings and widgets."""
    lines, shown = text.splitlines(keepends=True), {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"show", "draw", "play_with"}:
            for given in [*node.args, *(keyword.value for keyword in node.keywords)]:
                words = isinstance(given, ast.JoinedStr) or isinstance(getattr(given, "value", None), str)
                for number in range(given.lineno, given.end_lineno + 1) if words else ():
                    first = given.col_offset if number == given.lineno else 0
                    last = given.end_col_offset if number == given.end_lineno else None
                    shown[number] = blank(lines[number - 1][:first]) + lines[number - 1][first:last]
    kept = [shown.get(number, "").rstrip("\n") + "\n" for number in range(1, len(lines) + 1)]
    return re.sub(r"\bf(?=\")|[\"{}]", blank, "".join(kept))


def markdown(text):
    text = re.sub(r"^```(?!\{(glossary|figure|image)).*?^```", blank, text, flags=re.M | re.S)
    text = re.sub(r"^\s*```.*|^:(width|sorted|all):.*|^:alt:", blank, text, flags=re.M)
    text = re.sub(r"<!--.*?-->|\$\$.*?\$\$", blank, text, flags=re.S)
    text = re.sub(r"^<[a-z/][^>]*>", blank, text, flags=re.M)
    text = re.sub(r"\]\([^)\s]*\)", blank, text)  # where a link leads, not what it says
    text = re.sub(r"\{[a-z]+\}(?=`)", blank, text)
    text = re.sub(r"(?<!`)`[^`\n]+(\n[^`\n]+)?`|\$[^$]+\$", word, text)
    return re.sub(r"https?://\S+", word, text)


def docstrings(text):
    """The docstrings of a module, without examples, underlines and quotes."""
    shown = set()
    for node in ast.walk(ast.parse(text)):
        documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if documented and ast.get_docstring(node) is not None:
            shown |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = [line if n in shown else blank(line) for n, line in enumerate(text.splitlines(keepends=True), 1)]
    text = re.sub(r'r?"""', blank, "".join(lines))
    text = re.sub(r"^ *>>>.*?(?=^\s*$)|^ *-{3,}$", blank, text, flags=re.M | re.S)
    return re.sub(r"(:[a-z:]+:)?(``[^`]+``|`[^`]+`)", word, text)


def blank(found):
    text = found if isinstance(found, str) else found[0]
    return re.sub(r"[^\n]", " ", text)


def word(found):
    return "x" + blank(found)[1:]


@functools.cache
def sources():
    """(name, text) of all that is looked at."""
    book = ROOT / "notebooks"
    paths = [*book.glob("py/*.py"), *book.glob("solutions/py/*.py"), *book.glob("*.md"), *book.glob("api/*.md")]
    paths += [book / "exercises/index.md", book / "solutions/index.md", ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    paths += [ROOT / "data_scripts/README.md", *(ROOT / "mee").rglob("*.py")]
    paths = [path for path in sorted(paths) if path.name != "TEMPLATE.md"]  # which names words not to use
    return [(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths]


# --------------------------------------------------------------------------------------------------- words


def hits(name, text, pattern):
    """ "file:line: 'what was found'" for each place where the prose of a file has the pattern."""
    texts = [prose(name, text)]
    if name.startswith(("notebooks/py", "notebooks/solutions")) and name.endswith(".py"):
        texts.append(of_figures(text))
    for text in texts:
        for match in re.finditer(pattern.replace(" ", r"\s+"), text, re.I):
            shown = re.sub(r"\s+", " ", match[0])
            yield f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {shown!r}"


@pytest.mark.parametrize("pattern", SAY_INSTEAD)
def test_words_that_no_prose_may_use(pattern):
    found = [hit for name, text in sources() for hit in hits(name, text, pattern)]
    assert not found, f"say instead: {SAY_INSTEAD[pattern]}\n" + "\n".join(found)


PLANTED = {
    "notebooks/py/99_x.py": "# %%\nx = 1  # simply\n\n# %% [markdown]\n# `simply`, $simply$, [x](simply.md)\n# {}\n",
    "notebooks/page.md": "# Page\n\n```python\nsimply()\n```\n\n<!-- simply -->\n\n$$\nsimply\n$$\n{}\n",
    "mee/x.py": 'y = "simply"  # simply\n\ndef f():\n    """Do.\n\n    >>> simply()\n\n    ``simply``: {}\n    """\n',
}


def test_a_planted_word_is_found_in_a_caption():
    script = '# %%\nx = "simply"\nshow(\n    figure,\n    "A bar.",\n    f"It is {x:.1f}, "\n    "simply so.",\n)\n'
    assert list(hits("notebooks/py/99_x.py", script, r"\bsimply\b")) == ["notebooks/py/99_x.py:7: 'simply'"]


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("words", ["It is simply so.", "What is to\n# be seen.", "Done! And on."])
def test_a_planted_word_is_found_where_it_is(name, words):
    clean = PLANTED[name]
    words = words if name.endswith("99_x.py") else words.replace("# ", "    ")
    assert not [hit for pattern in SAY_INSTEAD for hit in hits(name, clean.replace("{}", "It is so."), pattern)]
    (hit,) = [hit for pattern in SAY_INSTEAD for hit in hits(name, clean.replace("{}", words), pattern)]
    assert hit.startswith(f"{name}:{clean[: clean.index('{}')].count(chr(10)) + 1}: ")


# --------------------------------------------------------------------------------------------------- sentences

ENDS = re.compile(r"(?<=[.?!])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bvs\.)(?<!\bal\.)[*_\"')\]]*\s+(?=[*_\"'(\[]*\w)")


def paragraphs(name, text):
    """Running text: paragraphs and entries of lists, without tables and headings."""
    text = re.sub(r"^ *(\||#+ ).*", blank, prose(name, text), flags=re.M)
    text = re.sub(r"^( *)([-*]|\d+\.|>)(?= )", r"\n\1", text, flags=re.M)
    if name.startswith("mee/"):  # an argument and what is said about it differ in depth only
        text = re.sub(r"^( *)(\S.*)\n(?=( *)\S)(?!\1\S)", r"\1\2\n\n", text, flags=re.M)
    for block in re.split(r"\n\s*\n", text):
        if block.strip():
            yield " ".join(block.replace("[", "").split())


def sentences(name, text):
    """(words, sentence) of each sentence of two words or more."""
    for paragraph in paragraphs(name, text):
        for sentence in ENDS.split(paragraph):
            count = len(re.findall(r"[^\W_][\w'’.,-]*", sentence))
            if count > 1:
                yield count, sentence


def test_no_sentence_is_endless():
    found = [
        f"{name}: {count} words: {sentence}"
        for name, text in sources()
        for count, sentence in sentences(name, text)
        if count > MOST_WORDS
    ]
    assert not found, f"more than {MOST_WORDS} words in a sentence; make it two\n" + "\n".join(found)


def main(chosen):
    longest = []
    print(f"{'file':<52}{'sentences':>10}{'median':>8}{'95 %':>6}{'most':>6}   words per sentence")
    for name, text in sources():
        if chosen and not any(part in name for part in chosen):
            continue
        found = list(sentences(name, text))
        if found:
            counts = sorted(count for count, _ in found)
            high = counts[min(len(counts) - 1, round(0.95 * len(counts)))]
            print(f"{name:<52}{len(counts):>10}{statistics.median(counts):>8.0f}{high:>6}{counts[-1]:>6}")
            longest += [(count, name, sentence) for count, sentence in found]
    print("\nThe longest:")
    for count, name, sentence in sorted(longest, reverse=True)[:20]:
        print(f"{count:>4}  {name}: {sentence}")


if __name__ == "__main__":
    main(sys.argv[1:])
