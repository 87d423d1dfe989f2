"""One request as several takes of it, each with a seed of its own."""

from __future__ import annotations

from dataclasses import replace

from happyhorse_nb.jobs.request import Request, draw, save_path
from happyhorse_nb.models import find_model


def spread(request: Request, count: int) -> list[Request]:
    """So many requests that differ in their seeds. Raises `InvalidRequest` for a file that cannot be named.

    From a seed that was asked for on, they are counted up. Else the seeds are drawn here, and the takes are known by
    their numbers: running the same cell again asks for the same takes, and for more of them keeps those that there are.
    A file ``launch.mp4`` becomes ``launch-1.mp4``, ``launch-2.mp4``, ….
    """
    if count == 1:
        return [request]
    model = find_model(request.model)
    if request.take:
        seeds = draw(model, count)
    else:
        limits = model.param("seed")
        low, high = limits.minimum or 0, limits.maximum or 0
        seeds = [low + (request.seed - low + step) % (high - low + 1) for step in range(count)]
    name = request.saved_as
    return [
        replace(
            request,
            params={**request.params, "seed": seed},
            take=number if request.take else 0,
            target=request.target if name is None else save_path(name.with_name(f"{name.stem}-{number}.mp4")),
        )
        for number, seed in enumerate(seeds, 1)
    ]
