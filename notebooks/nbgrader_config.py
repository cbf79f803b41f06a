"""nbgrader's settings: its commands read them if they run in this folder, as grading.py lets them (`make grade`)."""

import sys
from pathlib import Path

from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbgrader import preprocessors

BOOK = Path(__file__).resolve().parent if "__file__" in globals() else Path.cwd()
sys.path.insert(0, str(BOOK))
import grading  # noqa: E402

c = get_config()  # noqa: F821, nbgrader gives it

c.CourseDirectory.root = str(grading.COURSE)
c.CourseDirectory.course_id = "mee"

before, after = grading.steps()
c.GenerateAssignment.preprocessors = [*before, preprocessors.SaveCells, *after]  # hidden tests are saved, then cleared

c.Autograde.autograde_preprocessors = [
    grading.execute_apart(),
    preprocessors.IgnorePattern,
    preprocessors.LimitOutput,
    preprocessors.SaveAutoGrades,
    preprocessors.CheckCellMetadata,
]
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = r"(?s)."  # nbgrader takes a warning for a failure: an answer that warns may be right

# Feedback shows neither hidden tests nor scripts: a teacher opens what a student has made.
c.GenerateFeedback.preprocessors = [
    preprocessors.GetGrades,
    preprocessors.ClearHiddenTests,
    SanitizeHTML,
]
