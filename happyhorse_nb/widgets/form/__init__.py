"""The form: the inputs of all kinds of videos, prompt and parameters as widgets, and below them the jobs' cards."""

from happyhorse_nb.widgets.form.api import edit, form
from happyhorse_nb.widgets.form.body import Form

__all__ = ["Form", "edit", "form"]
