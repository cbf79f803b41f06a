"""The search page: ``mee demo`` opens it for this machine alone (lesson 15).

Type a sentence and see the best clips, each with its score and with what every expert contributed; take experts away,
or choose the other score, and see the ranking change; ask which sentences fit a clip. If the clip file's facts hold
them, what is heard, the words read on screen, the category and a link to the source video appear below a clip. The page
loads nothing from other hosts, fonts included; only a link that you follow leads there.

From the shell::

    mee demo                       # TinyClips, and its small model
    mee demo run/model.pt mine.h5  # a model of `mee train`, and clips to search
    # with the videos themselves, FOLDER/ID.mp4
    mee demo run/model.pt mine.h5 --videos FOLDER

:mod:`mee.demo.service` answers, also in a notebook; :mod:`mee.demo.page` draws the answers and needs Gradio:
``pip install "mee[search,demo]"``.
"""

from mee.demo.service import Answer, DemoError, SearchService, Videos, load

__all__ = ["Answer", "DemoError", "SearchService", "Videos", "load"]
