"""Snapshots as escaped HTML and as plain text. Pure: no kernel, no widget, no network.

jinja2 and IPython are imported on first use.
"""

from happyhorse_nb.render.cards import (
    Picture,
    Small,
    card,
    line,
    live,
    placeholder,
    question,
    saved,
    spoken,
    style,
    thumb,
    trouble,
)
from happyhorse_nb.render.compare import LETTERS, Side, chosen, comparison
from happyhorse_nb.render.player import VideoOutput, video
from happyhorse_nb.render.tables import ModelRow, models_table, models_text, table, table_text
from happyhorse_nb.render.takes import (
    quiet_line,
    standing,
    takes_card,
    takes_line,
    takes_live,
    takes_placeholder,
    takes_spoken,
    takes_text,
    total,
    waited,
    waiting,
)

__all__ = [
    "LETTERS", "ModelRow", "Picture", "Side", "Small", "VideoOutput", "card", "chosen", "comparison", "line", "live",
    "models_table", "models_text", "placeholder", "question", "quiet_line", "saved", "spoken", "standing", "style",
    "table", "table_text", "takes_card", "takes_line", "takes_live", "takes_placeholder", "takes_spoken", "takes_text",
    "thumb", "total", "trouble", "video", "waited", "waiting",
]  # fmt: skip
