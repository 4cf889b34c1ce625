"""What every function finds in its environment on one machine: the local profile."""

import os
from collections.abc import Mapping
from pathlib import Path

from infra.bootstrap import ROOT
from infra.local import state
from infra.local.cloudformation import REGION
from infra.local.code import Code
from infra.local.template import FunctionSpec, Template
from shared.settings import Settings
from shared.settings.reading import Reading, read_dotenv, read_toml
from shared.settings.sections import DbSettings
from shared.settings.sources import SettingsInvalid, resolve

# Switched on here unless the operator decided: memory should be seen at once, and without a key.
_UNLESS_SET = {"DERIVER_FLUSH_ENABLED": "true", "OFFLINE_ENABLED": "true"}
_KEYS = {"DERIVER_FLUSH_ENABLED": ("deriver", "flush_enabled"), "OFFLINE_ENABLED": ("offline", "enabled")}


def function_variables(
    template: Template, function: FunctionSpec, *, references: Mapping[str, str], sqs_url: str, code: Code
) -> dict[str, str]:
    """The environment of a function: the operator's, under the template's, under the local profile.

    `references` gives a value to what the template refers to: queues (their URLs) and parameters.
    """
    return {
        # Real credentials or a profile must not reach code that believes itself in the cloud.
        **{name: value for name, value in code.inherited.items() if not name.startswith("AWS_")},
        **{n: code.placed(v) for n, v in template.variables(function, references).items() if not n.startswith("AWS_")},
        **_lambda_variables(function, code),
        **code.variables,
        "AWS_ENDPOINT_URL_SQS": sqs_url,
        "POWERTOOLS_METRICS_DISABLED": "true",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }


def _lambda_variables(function: FunctionSpec, code: Code) -> dict[str, str]:
    return {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{code.version}",
        "AWS_LAMBDA_FUNCTION_NAME": function.logical_id,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.logical_id}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "LAMBDA_TASK_ROOT": str(code.folder),
        "_HANDLER": function.handler,
        "TZ": ":UTC",
    }


def defaults(root: Path) -> dict[str, str]:
    """What the launcher adds to its own environment before it starts anything."""
    return {name: value for name, value in _UNLESS_SET.items() if not operator_sets(name, root)}


def settings_for(data: Path) -> Settings:
    """The settings of this project, with the database of the stack that runs on `data`, else with one they name.

    Raises `Refused` where there is neither, and `SettingsInvalid`.
    """
    stack = state.running(data)
    # What a local stack adds to its settings decides how it embeds.
    found = resolve(folder=ROOT, env={**defaults(ROOT), **os.environ} if stack else None)
    if found.problems:
        raise SettingsInvalid("\n".join(found.problems))
    if stack is not None:
        return found.settings.model_copy(update={"db": DbSettings.model_validate({"connection_uri": stack.dsn})})
    if ("db", "connection_uri") not in found.given:
        raise state.Refused(
            f"No stack is running: start one with `{state.command('up', data)}`, or set DB_CONNECTION_URI."
        )
    return found.settings


def operator_sets(name: str, root: Path) -> bool:
    """Whether a variable of the profile has a value in the environment, `.env` or `config.toml`."""
    # What is wrong with the files is reported by the settings themselves, with its place.
    found = Reading()
    read_toml(root / "config.toml", found)
    read_dotenv(root / ".env", found)
    return bool(os.environ.get(name)) or _KEYS[name] in found.given
