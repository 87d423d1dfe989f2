"""``%config HappyHorse``: made from the models' table, and refusing what cannot work."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from traitlets import TraitError

import happyhorse_nb as hh
from happyhorse_nb.models import MODELS, Cost
from happyhorse_nb.settings.config import HappyHorse, config

OPTIONS = {p.name: p for model in MODELS.values() for p in model.options}


@pytest.fixture
def settings() -> Any:
    return HappyHorse()


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_of_a_model_has_a_default_that_can_be_set(settings: Any, name: str) -> None:
    param = OPTIONS[name]
    model = next(m.id for m in MODELS.values() if param in m.options)
    assert getattr(settings, name) is None, "the server's own, until the user sets one"
    for value in (*param.choices, param.minimum, param.maximum):
        if value is not None:
            setattr(settings, name, value)
            assert settings.defaults(model) == {name: value}
    setattr(settings, name, None)
    assert settings.defaults(model) == {}


def test_the_settings_a_user_is_promised_are_there(settings: Any) -> None:
    told: dict[str, Any] = {
        "model": None,
        "version": "1.0",
        "references": "upload",
        "wait": None,
        "folder": "",
        "embed_limit": 15.0,
        "reuse": True,
        "budget": None,
        "requests_per_minute": 100,
        "max_concurrent": 2,
        "max_poll_gap": None,
        "prices": {},
    }
    assert {name: getattr(settings, name) for name in told} == told
    assert {*told, *OPTIONS} <= set(settings.trait_names())
    assert all(trait.help for trait in settings.traits(config=None).values() if trait.name in {*told, *OPTIONS})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("duration", 2),
        ("duration", 16),
        ("duration", "long"),
        ("duration", 5.5),
        ("resolution", "480P"),
        ("seed", -1),
        ("seed", 2**31),
        ("model", "happyhorse-9"),
        ("version", "1.2"),
        ("references", "send"),
        ("embed_limit", -1),
        ("budget", -0.01),
        ("budget", "much"),
        ("ask_above", -1),
        ("ask_above", "much"),
        ("requests_per_minute", 0),
        ("max_concurrent", 0),
        ("max_poll_gap", 0),
        ("reuse", "maybe"),
        ("wait", "maybe"),
        ("folder", 5),
        ("prices", {"720P": -1}),
        ("prices", {"happyhorse-1.1-t2v": {"720P": "cheap"}}),
        ("prices", "cheap"),
    ],
)
def test_what_cannot_work_is_refused_and_the_old_value_stays(settings: Any, name: str, value: Any) -> None:
    before = getattr(settings, name)
    with pytest.raises(TraitError, match=name):
        setattr(settings, name, value)
    assert getattr(settings, name) == before


@pytest.mark.parametrize(
    ("params", "dollars"),
    [
        ({}, "1.145"),
        ({"resolution": "720P"}, "0.64"),
        ({"resolution": "720P", "duration": 15}, "1.92"),
        ({"duration": 3, "seed": 9}, "0.687"),
    ],
)
def test_an_estimate_is_list_price_times_seconds(settings: Any, params: dict[str, Any], dollars: str) -> None:
    assert settings.estimate(params, model="happyhorse-1.0-i2v") == Cost(Decimal(dollars))
    assert str(settings.estimate(params, model="happyhorse-1.0-i2v")).startswith("about $")


def test_no_price_no_estimate(settings: Any) -> None:
    settings.prices = {"720P": 0.14}
    assert settings.estimate({"resolution": "1080P"}, model="happyhorse-1.0-i2v") is None


def test_prices_are_of_each_model_and_may_be_set_for_all_or_for_one(settings: Any) -> None:
    def told(model: str) -> str:
        return str(settings.estimate({"resolution": "720P"}, model=f"happyhorse-{model}"))

    assert (told("1.0-i2v"), told("1.1-t2v")) == ("about $0.64", "about $0.62")
    settings.prices = {"720P": 0.2, "happyhorse-1.1-t2v": {"720P": 0.1}}
    assert (told("1.0-i2v"), told("1.1-t2v")) == ("about $1.00", "about $0.50")
    settings.prices = {"happyhorse-1.1-t2v": {"720P": 0.1}}
    assert (told("1.0-i2v"), told("1.1-t2v")) == ("about $0.64", "about $0.50")


def test_there_is_one_set_of_settings_in_a_process() -> None:
    assert config() is config()
    assert type(config()).__name__ == "HappyHorse", "the name a user types after %config"


def test_a_relative_folder_for_videos_stays_where_it_was_set(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings.folder = "clips"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert settings.folder == str(tmp_path / "clips")
    # Said again, it is meant here.
    settings.folder = "clips"
    assert settings.folder == str(tmp_path / "elsewhere" / "clips")
    settings.folder = ""
    assert settings.folder == ""


@pytest.fixture
def own() -> Iterator[None]:
    """The settings of this process, put back."""
    before = config().duration  # type: ignore[attr-defined]  # made from the models' table
    yield
    config().duration = before  # type: ignore[attr-defined]


def test_python_sets_what_the_magic_sets(own: None) -> None:
    hh.config.duration = 8
    assert (hh.config.duration, config().defaults("happyhorse-1.0-i2v")) == (8, {"duration": 8})
    # What Tab offers, and what is shown, is the settings and nothing of the machinery.
    assert set(dir(hh.config)) >= {"budget", "duration", "folder", "model", "wait"}
    assert not {"config", "parent", "log", "trait_names"} & set(dir(hh.config))
    assert "duration = 8\n" in repr(hh.config)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("durations", 5, "hh.config has no 'durations'; the settings are ask_above, audio, budget, "),
        ("durations", 5, ". Did you mean duration?"),
        ("xyzzy", 5, "hh.config has no 'xyzzy'; the settings are ask_above, audio, budget, "),
        ("trait_names", 5, "hh.config has no 'trait_names'; "),
        ("resolution", "4K", "hh.config.resolution: expected any of ['720P', '1080P'] or None, not the str '4K'."),
        ("duration", 99, "hh.config.duration: should not be greater than 15"),
        ("duration", "long", "hh.config.duration: expected an int"),
        ("budget", -1, "hh.config.budget: should not be less than 0"),
        ("prices", {"720P": "cheap"}, "hh.config.prices: "),
    ],
)
def test_what_cannot_be_set_is_refused_in_one_line(own: None, name: str, value: Any, words: str) -> None:
    with pytest.raises(hh.ConfigError) as caught:
        setattr(hh.config, name, value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_setting_that_is_none_cannot_be_read_either() -> None:
    assert not hasattr(hh.config, "nothing")
    with pytest.raises(hh.ConfigError, match=r"hh\.config has no 'nothing'"):
        hh.config.nothing  # noqa: B018
