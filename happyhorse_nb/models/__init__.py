"""The models, their parameters, and the values that describe a job. Plain data; nothing heavy is imported.

No class here has slots: ``%autoreload`` gives existing objects their new class, and in Colab's IPython 7 that breaks
every object with slots in the middle of a job.
"""

from happyhorse_nb.models.check import (
    check_params,
    check_prompt,
    check_references,
    check_takes,
    find_model,
    fit_prompt,
    fitting,
    model_for,
    prompt_weight,
)
from happyhorse_nb.models.snapshot import Cost, Progress, Snapshot, Status, join_notes
from happyhorse_nb.models.states import STATES, remedy_of
from happyhorse_nb.models.table import (
    EDITED,
    FIRST_FRAME,
    LONGEST,
    MODELS,
    REFERENCES,
    TAKES,
    VERSIONS,
    VIDEO,
    Fit,
    ImageLimits,
    Model,
    Param,
    Role,
)
from happyhorse_nb.models.video import Sound, VideoInfo

__all__ = [
    "EDITED",
    "FIRST_FRAME",
    "LONGEST",
    "MODELS",
    "REFERENCES",
    "STATES",
    "TAKES",
    "VERSIONS",
    "VIDEO",
    "Cost",
    "Fit",
    "ImageLimits",
    "Model",
    "Param",
    "Progress",
    "Role",
    "Snapshot",
    "Sound",
    "Status",
    "VideoInfo",
    "check_params",
    "check_prompt",
    "check_references",
    "check_takes",
    "find_model",
    "fit_prompt",
    "fitting",
    "join_notes",
    "model_for",
    "prompt_weight",
    "remedy_of",
]
