"""A request: what is to be made, checked, and spread into several takes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from happyhorse_nb import inputs as images
from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.models import (
    MODELS,
    Cost,
    Fit,
    Model,
    Snapshot,
    Status,
    check_params,
    check_prompt,
    check_references,
    find_model,
    join_notes,
    model_for,
)
from happyhorse_nb.settings import Account, nameable, on_this_machine, video_folder, writable
from happyhorse_nb.settings.config import Settings
from happyhorse_nb.store import Record, StoredInput


@dataclass(frozen=True)
class Request:
    """What is to be made, and where it goes. ``note`` says what was changed to make it fit."""

    model: str
    prompt: str
    params: dict[str, Any]
    inputs: tuple[images.Input, ...]
    target: Path
    note: str = ""
    #: Where its seed was drawn here, which of several takes it is, from 1 on; 0 where the seed was asked for.
    take: int = 0

    @property
    def seed(self) -> int:
        """The seed that is sent. There always is one, so that every video can be made again."""
        return int(self.params["seed"])

    @property
    def frame(self) -> images.Input:
        """The first input; for image to video, the first frame."""
        return self.inputs[0]

    @property
    def footage(self) -> float | None:
        """The length (seconds) of the video that is edited; None where there is none, or where it is not known."""
        return next((one.seconds for one in self.inputs if one.seconds is not None), None)

    def estimate(self, settings: Settings) -> Cost | None:
        """What it costs by the prices of the settings (USD)."""
        return settings.estimate(self.params, model=self.model, footage=self.footage)

    @property
    def saved_as(self) -> Path | None:
        """The file that was asked for by name; None where only a folder was."""
        return self.target if self.target.suffix == ".mp4" and not self.target.is_dir() else None

    def check_target(self) -> None:
        """Raise `InvalidRequest` when the file that was asked for exists, even as a link: nothing is overwritten."""
        if self.saved_as is not None and os.path.lexists(self.saved_as):
            raise unsavable(self.saved_as, EXISTS)

    @property
    def digest(self) -> str:
        """A hash of all but the seed: model, other parameters, prompt, inputs.

        Two requests with the same digest are equal if their seeds are, or, where the seeds were drawn, if they are the
        same take: a cell that runs again asks for the same takes. A single request is take 1.
        """
        table = find_model(self.model)
        told = {**{p.name: self.params.get(p.name, p.default) for p in table.options}, "seed": None}
        parts = [self.model, sorted(told.items()), self.prompt, *(f"{one.role} {one.digest}" for one in self.inputs)]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()

    def made(self, record: Record) -> bool:
        """Whether a job was made from this very request."""
        same = record.take == self.take if self.take else record.snapshot.params.get("seed") == self.seed
        return same and record.request == self.digest

    def record(self, account: Account, *, owner: str, cost: Cost | None) -> Record:
        """The new row of the ledger that records the intent. ``cost`` is the estimate."""
        snapshot = Snapshot(
            status=Status.QUEUED,
            id=secrets.token_hex(6),
            model=self.model,
            prompt=self.prompt,
            params=self.params,
            note=self.note,
            created=time.time(),
            cost=cost,
            sandbox=account.sandbox,
        )
        return Record(
            snapshot=snapshot,
            origin=account.realm,
            account=account.key.fingerprint,
            request=self.digest,
            take=self.take,
            inputs=tuple(
                StoredInput(one.role, one.source, one.label, one.thumbnail, one.seconds) for one in self.inputs
            ),
            target=self.target,
            owner=owner,
        )


def prepare(
    image: Any,
    prompt: str | None,
    params: Mapping[str, Any],
    *,
    settings: Settings,
    home: Path,
    model: str | None = None,
    fit: Fit = False,
    save: str | Path | None = None,
    namespace: Mapping[str, Any] | None = None,
    unset: Collection[str] = (),
    unlisted: bool = False,
) -> Request:
    """Check everything that can be checked here. Raises `InvalidRequest` or `ConfigError` with one clear line.

    ``params`` are the model's parameters, and its inputs beside ``image`` by their options. Without a seed one is
    drawn. ``unset`` names options whose default from the settings is not wanted. ``unlisted``: send what only Alibaba's
    pages of the models have. Without a model the one is used that takes these inputs.
    """
    options = {role.option for known in MODELS.values() for role in known.inputs}
    sources = {"image": image, **{name: value for name, value in params.items() if name in options}}
    # An empty list of references is none.
    sources = {name: value for name, value in sources.items() if not (value is None or value == [] or value == ())}
    named = model or settings.model
    table = find_model(named) if named else model_for(sources, settings.version)
    given = {name: value for name, value in params.items() if value is not None and name not in options}
    usual = {name: value for name, value in settings.defaults(table.id).items() if name not in unset}
    checked = check_params(table, {**usual, **given}, unlisted=unlisted)
    drawn = "seed" not in checked
    if drawn:
        [checked["seed"]] = draw(table)
    text, cut = check_prompt(table, prompt, fit=bool(fit))
    local = on_this_machine()
    inputs = images.gather(table, sources, namespace=namespace, fit=fit, local=local, unlisted=unlisted)
    target = save_path(save) if save else video_folder(settings.folder, fallback=home)
    roles = [role.name for role in table.inputs if role.maximum > 1]
    odd = check_references(text or "", len([one for one in inputs if one.role in roles])) if roles else ""
    note = join_notes(*(one.note for one in inputs), cut, odd)
    return Request(table.id, text or "", checked, inputs, target, note, take=int(drawn))


def draw(model: Model, count: int = 1) -> list[int]:
    """So many different seeds that a model takes."""
    limits = model.param("seed")
    return secrets.SystemRandom().sample(range(limits.minimum or 0, (limits.maximum or 0) + 1), count)


def save_path(save: str | Path) -> Path:
    """The absolute path of the file that is asked for. Raises `InvalidRequest` where no such file can be made."""
    # Of a long path, show the end: there is the name.
    shown = str(save) if len(str(save)) <= 80 else f"…{str(save)[-79:]}"
    try:
        path = Path(save).expanduser().absolute()
        # Raises for what no file system takes: a null character, half a character, a name that is too long.
        os.fsencode(path).decode()
        if "\0" in str(path):
            raise ValueError
        wrong = _wrong_name(path, str(save)) or _wrong_folder(path.parent)
        if not wrong and not nameable(path):
            raise ValueError
    except (OSError, RuntimeError, ValueError):
        wrong = "cannot be a file's name there", _OTHER
    if wrong:
        raise unsavable(repr(shown), *wrong)
    return path


#: What is wrong with a file that is there, and the usual remedy.
EXISTS, _OTHER = "exists and is never overwritten", "Give another name."


def unsavable(shown: str | Path, wrong: str, remedy: str = _OTHER) -> InvalidRequest:
    """The error for a file that cannot be the one to save."""
    return InvalidRequest(f"save {shown} {wrong}", remedy=remedy, param="save")


def _wrong_name(path: Path, written: str) -> tuple[str, str] | None:
    """What is wrong with the name itself, and what to do; None for a good one. Raises OSError."""
    if path.is_dir() or re.search(r"[/\\]\.?$" if os.name == "nt" else r"/\.?$", written):
        return "is a folder", "Give the name of a file in it."
    if path.suffix != ".mp4":
        return "is not the name of an .mp4 file", "Give it that ending."
    if os.path.lexists(path) and not path.exists():
        return "is a link that leads nowhere", "Remove it, or give another name."
    if path.exists() and not path.is_file():
        return "is there already, and is no file", _OTHER
    return None


def _wrong_folder(folder: Path) -> tuple[str, str] | None:
    """What is wrong with the folder it is to be in, and what to do; None for a good one."""
    if folder.exists() and not folder.is_dir():
        return f"cannot be made: {folder} is a file and no folder", "Choose another folder."
    if not folder.is_dir():
        return f"cannot be made: there is no folder {folder}", "Make it first."
    if not writable(folder):
        return f"cannot be made: nothing can be written to {folder}", "Choose another folder."
    return None


def spread(request: Request, count: int) -> list[Request]:
    """``count`` requests that differ only in their seeds. Raises `InvalidRequest` for a file that cannot be named.

    A seed that was asked for is counted up. Else the seeds are drawn here, and takes are known by their numbers: the
    same cell, run again, asks for the same takes. A file ``launch.mp4`` becomes ``launch-1.mp4``, ``launch-2.mp4``, ….
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
