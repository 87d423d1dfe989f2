"""A form in a real kernel, as a user sees and uses it."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from support.kernel import Cell, Kernel


class Form:
    """A form under a cell, as a user sees and uses it."""

    def __init__(self, kernel: Kernel, line: str) -> None:
        self.kernel = kernel
        self.cell: Cell = kernel.run(line)
        assert self.cell.error == []

    @property
    def widgets(self) -> dict[str, dict[str, Any]]:
        return self.kernel.live_widgets(self.cell)

    def find(self, description: str) -> tuple[str, dict[str, Any]]:
        some = [(i, w) for i, w in self.widgets.items() if str(w.get("description", "")).startswith(description)]
        # One with just that name before those that begin with it.
        [found] = [(i, w) for i, w in some if w["description"] == description] or some
        return found

    def set(self, description: str, **state: Any) -> None:
        self.send(self.find(description)[0], {"method": "update", "state": state, "buffer_paths": []})

    def send(self, widget: str, data: dict[str, Any]) -> None:
        session = self.kernel.client.session
        self.kernel.client.shell_channel.send(session.msg("comm_msg", {"comm_id": widget, "data": data}))

    def click(self, description: str) -> None:
        self.kernel.click(self.find(description)[0])

    @property
    def words(self) -> str:
        # The form alone, without the copy for the saved notebook that stands unseen behind it.
        return self.kernel.shown(self.cell, outputs=1)

    @property
    def ready(self) -> bool:
        # Whatever it says that it would do.
        [button] = [w for w in self.widgets.values() if "hh-generate" in w.get("_dom_classes", ())]
        return button["disabled"] is False

    @property
    def verdicts(self) -> str:
        found = [
            re.sub("<[^>]*>", "", str(w["value"])) for w in self.widgets.values() if "hh-verdict" in str(w.get("value"))
        ]
        return " | ".join(" ".join(text.split()) for text in found)

    def wait_for_words(self, button: str, words: str) -> None:
        """Wait until these are the words on a button that can be pressed."""

        def said() -> bool:
            state = self.widgets[button]
            return state["description"] == words and not state["disabled"] and self.is_shown(button)

        self.kernel.wait(said, words)

    def is_shown(self, widget: str) -> bool:
        layout = str(self.widgets[widget]["layout"]).removeprefix("IPY_MODEL_")
        return self.kernel.widgets[layout].get("display") != "none"

    def wait(self, words: str) -> None:
        self.kernel.wait(lambda: words in self.verdicts + self.words, words)

    def wait_ready(self) -> None:
        self.kernel.wait(lambda: self.ready, "Generate is enabled")

    def wait_not_ready(self) -> None:
        self.kernel.wait(lambda: not self.ready, "Generate is disabled")

    def tell(self, **told: Any) -> None:
        """What the script in the page writes into its line."""
        [line] = [name for name, w in self.widgets.items() if "hh-page" in w.get("_dom_classes", ())]
        self.send(line, {"method": "update", "state": {"value": json.dumps(told)}, "buffer_paths": []})

    def choose(self, description: str, word: str) -> None:
        """Choose one of a group's or a list's choices, by how it begins."""
        name, state = self.find(description)
        [index] = [i for i, label in enumerate(state["_options_labels"]) if str(label).startswith(word)]
        self.send(name, {"method": "update", "state": {"index": index}, "buffer_paths": []})

    def enter(self, description: str, value: str) -> None:
        """Type into a field, and press Enter."""
        self.set(description, value=value)

    @property
    def pasted(self) -> str:
        """The cell that is shown to be copied."""
        shown = [str(w["value"]) for w in self.widgets.values() if "<textarea" in str(w.get("value"))]
        return html.unescape(re.findall(r"<textarea[^>]*>\s*(.*?)</textarea>", shown[0], re.DOTALL)[0]) if shown else ""
