"""Words that a native technical editor struck out stay out of code, messages, README and pages.

The lessons' prose gets its own edit; until then only what surrounds it is looked at. Spelling is codespell's.
"""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: what was said -> what says it better
BANNED = {
    r"\bmends?\b|\bmended\b|\bmending\b": "fix; bug fix or design change",
    r"\bwhence\b": "where from",
    r"\bleft-overs?\b": "stale values",
    r"\bfor good\b": "permanently",
    r"\bby lot\b": "at random",
    r"\blikeness\b": "similarity",
    r"\b(have|has|had) a say\b": "use these experts",
    r"\banew\b": "again; rebuilt",
    r"\b(above|below) the line\b": "numerator, denominator",
    r"\b(captions|rows|numbers|values) an? (clip|caption|row)\b": "captions per clip",
    r"\b(s|seconds) an? (run|epoch|step)\b": "s per run",
    r"\bis to be seen\b|\bare to be seen\b": "you can see",
    r"\bin the place of\b": "instead of",
    r"\bsum to 1 in all\b|\b1 in all\b": "sum to 1",
    r"\bstands? behind the end\b": "follows the end",
}
#: this list itself, and notes on licences that are not ours to edit
EXEMPT = {"tests/test_words.py", "LICENSE"}


def ours():
    """Code, scripts and pages of the repository, without the lessons' prose."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in sorted(set(filter(None, listed.stdout.split("\0"))) - EXEMPT):
        lesson = re.match(r"notebooks/((py|solutions|exercises)/|\d\d_)", name)
        if Path(name).suffix in (".py", ".md", ".css", ".toml") and not lesson and (ROOT / name).is_file():
            yield name, (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("pattern", BANNED)
def test_banned_words_stay_out(pattern):
    hits = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]!r}"
        for name, text in ours()
        for match in re.finditer(pattern, text, re.I)
    ]
    assert not hits, f"better: {BANNED[pattern]}\n" + "\n".join(hits)


def test_no_page_waits_for_something_to_be_filled_in():
    placeholder = re.compile(r"^(TABLE|FIGURE|NUMBERS?|RESULTS?)$|\b(TODO|FIXME|XXX|TBD)\b", re.M)
    assert not [(name, placeholder.findall(text)) for name, text in ours() if placeholder.search(text)]


def test_a_comment_that_cites_a_trap_cites_one_of_the_table():
    table = (ROOT / "notebooks" / "traps.md").read_text(encoding="utf-8")
    known = set(map(int, re.findall(r"^\| (\d+) \|", table, re.M)))
    cited = {int(number) for _, text in ours() for number in re.findall(r"\btraps? (\d+)", text)}
    assert cited and cited <= known
