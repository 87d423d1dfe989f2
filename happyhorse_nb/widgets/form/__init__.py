"""The form: first frame, prompt and parameters as widgets, and below them the cards of the jobs it has made."""

from happyhorse_nb.widgets.form.api import edit, form
from happyhorse_nb.widgets.form.body import Form

__all__ = ["Form", "edit", "form"]
