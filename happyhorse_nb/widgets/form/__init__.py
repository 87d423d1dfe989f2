"""The form: a first frame, a prompt and the parameters to see and click, and the cards of what it made below it."""

from happyhorse_nb.widgets.form.api import edit, form
from happyhorse_nb.widgets.form.body import Form

__all__ = [
    "Form",
    "edit",
    "form",
]
