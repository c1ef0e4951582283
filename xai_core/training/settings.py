"""The settings that a user can state, read off the config dataclasses.

A field of `ClusterVAEConfig`, `TrainingConfig` or `CriticTraining` that holds a number or a choice
is an option of `xai train` and a field of the page Train; its help text is that of the docstring.
"""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ..errors import ConfigError
from ..models.config import ClusterVAEConfig
from .config import CriticTraining, TrainingConfig

__all__ = ["SETTINGS", "Group", "Setting", "by_group", "option_of"]

Group = Literal["model", "training", "critic"]
CONFIGS: Mapping[Group, type] = {
    "model": ClusterVAEConfig,
    "training": TrainingConfig,
    "critic": CriticTraining,
}
SHORT = {"num_clusters": "clusters"}
"""Names of settings that differ from the field's."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A field of a config that can be stated on its own.

    Attributes:
        name: Of the setting: `epochs`, `critic_epochs`.
        group: The config that it belongs to.
        field: Of the config.
        kind: int or float; str where there are choices.
        choices: The values it may have; empty for a number.
        help: Its description.
    """

    name: str
    group: Group
    field: str
    kind: type
    choices: tuple[str, ...]
    help: str


def option_of(name: str) -> str:
    """Return the option of `xai train` that states a setting: `--critic-epochs`."""
    return f"--{name.replace('_', '-')}"


def by_group(stated: Mapping[str, Any]) -> dict[Group, dict[str, Any]]:
    """Sort settings by config, under the names of its fields, as `settings_for` takes them.

    Args:
        stated: Values by the name of the setting.

    Raises:
        ConfigError: If there is no such setting.
    """
    if unknown := [name for name in stated if name not in SETTINGS]:
        raise ConfigError(
            f"`{unknown[0]:.60}` is not a setting of a training; these are {', '.join(SETTINGS)}."
        )
    return {
        group: {
            setting.field: stated[name]
            for name, setting in SETTINGS.items()
            if setting.group == group and name in stated
        }
        for group in CONFIGS
    }


def _found(group: Group) -> list[Setting]:
    """Find the settings of one config, in its order."""
    settings = []
    words = _attributes(CONFIGS[group])
    for field, hint in get_type_hints(CONFIGS[group]).items():
        kind: Any = get_args(hint)[0] if get_origin(hint) is UnionType else hint
        choices = get_args(kind) if get_origin(kind) is Literal else ()
        if kind in (int, float) or choices:
            settings.append(
                Setting(
                    name=_name(group, field),
                    group=group,
                    field=field,
                    kind=str if choices else kind,
                    choices=choices,
                    help=words.get(field, ""),
                )
            )
    return settings


def _name(group: Group, field: str) -> str:
    if group == "critic" and not field.startswith("surrogate_"):
        return f"critic_{field}"
    return SHORT.get(field, field)


@cache
def _attributes(config: type) -> dict[str, str]:
    """Return what a docstring says of each attribute, on one line each."""
    section = inspect.getdoc(config) or ""
    found = re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", section, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


SETTINGS: Mapping[str, Setting] = {
    setting.name: setting for group in CONFIGS for setting in _found(group)
}
"""Every setting by its name."""
