"""axe-core's judgement of a part of a page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Page


def serious(page: Page, *selectors: str) -> list[str]:
    """The serious and critical violations within these elements, each with the elements it is about."""
    results = Axe().run(page, context={"include": [[selector] for selector in selectors]})
    return [
        f"{found['id']}: {node['html'][:200]} {node['failureSummary']}"
        for found in results.response["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]
