"""What the lessons share: showing a figure with words, for everybody who does not see it.

`python lesson.py` installs mee beside the torch that is there; the lessons' first cell runs it on Colab.
"""

import base64
import html
import importlib.metadata
import importlib.util
import io
import re
import subprocess
import sys
from pathlib import Path


def show(figure, alt):
    """Show a matplotlib figure in the notebook, and close it.

    figure  a matplotlib Figure
    alt     str: what it shows, for a screen reader and for a page whose pictures do not load. What a reader is to see
            in it ("audio gets most of the weight for ..."), not what it is ("a bar chart")

    Raises ValueError if alt is empty.
    """
    # The picture goes into an <img> tag, as neither JupyterLab nor the book gives words to a figure by themselves.
    from IPython.display import display
    from matplotlib import pyplot

    if not alt.strip():
        raise ValueError("show(figure, alt): alt is empty; say what a reader is to see in the figure")
    alt = " ".join(alt.split())
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight", metadata={"Software": None})
    pyplot.close(figure)  # or the notebook would show it once more, at the end of the cell
    picture = base64.b64encode(file.getvalue()).decode()
    tag = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{picture}" style="max-width: 100%">'
    display({"text/html": tag, "text/plain": f"[figure: {alt}]"}, raw=True)


def install():
    """Install mee from this clone. The torch that is there stays: if mee cannot live with it, pip says so and stops."""
    wanted = [str(Path(__file__).resolve().parents[1]), "matplotlib", "av>=14.2"]
    if importlib.util.find_spec("cv2") is None:  # Colab has OpenCV under another package's name
        wanted.append("opencv-python-headless")
    _pip(wanted)


def need(*extras):
    """See to it that what ``extras`` of pyproject.toml ask for is there: lessons 11 to 14 need more than mee.

    Nothing happens where it is, as after `make book`. Otherwise, as on Colab, pip installs what is missing.
    """
    missing = []
    for line in importlib.metadata.requires("mee"):
        match = re.match(r"""([\w.-]+)([^;]*);.*extra == ['"]([\w-]+)""", line)
        if not match or match[3] not in extras:
            continue
        if match[1].startswith("opencv") and importlib.util.find_spec("cv2"):
            continue  # Colab has it under another package's name
        try:
            importlib.metadata.version(match[1])
        except importlib.metadata.PackageNotFoundError:
            missing.append(match[1] + match[2].strip())
    if missing:
        print(f"installing {', '.join(missing)}", flush=True)
        _pip(missing)


def _pip(wanted):
    try:
        wanted.append(f"torch=={importlib.metadata.version('torch')}")
    except importlib.metadata.PackageNotFoundError:
        pass  # none there: mee brings it
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *wanted], check=True)


if __name__ == "__main__":
    install()
