"""`config.toml` as it is deployed: the Makefile of the layers puts it beside the functions, which read it there.

Whatever is in a bundle can be read by who may look at the functions, and stays in its bucket: secrets belong into
Secrets Manager, and the file names them.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from shared.llm.prices import PricesInvalid, load_prices
from shared.settings.knobs import Knob, keys_to_knobs
from shared.settings.reading import Keys, Reading, read_toml, written
from shared.settings.secret import is_arn
from shared.settings.sources import resolve

NAME: Final = "config.toml"
PRICES: Final = "prices.toml"
# Addresses are secrets where they hold a password, and only there.
_ADDRESSES: Final[dict[Keys, str]] = {
    ("db", "connection_uri"): "postgresql://there/honcho",
    ("cache", "url"): "rediss://there",
    ("sentry", "dsn"): "https://there/1",
}
_SOME_SECRET: Final = "what Secrets Manager holds, and the functions read"
# What the template gives every function, so that the file need not.
_GIVEN: Final = {"AUTH_JWT_SECRET": _SOME_SECRET, "DB_CONNECTION_URI": _ADDRESSES["db", "connection_uri"]}


def objections(folder: Path) -> list[str]:
    """Why the functions could not be given the file in `folder`, a sentence each; none where there is no file."""
    path = folder / NAME
    if not path.is_file():
        return []
    reading = Reading()
    read_toml(path, reading)
    plain = [_told(keys, reading) for keys in reading.given if _is_plain_secret(keys, reading.given[keys].value)]
    return plain or [*_wrong(path, reading), *_unpriced(folder, reading)]


def _unpriced(folder: Path, reading: Reading) -> list[str]:
    """What is wrong with the file of prices: of all files that settings may name the only one that is deployed."""
    keys = ("usage", "prices_file")
    given = reading.given.get(keys)
    if given is None:
        return []
    if given.value != PRICES:
        return [f"{written(given, keys)} names a file that is not deployed: write {PRICES}, and put it beside {NAME}."]
    try:
        load_prices(str(folder / PRICES))
    except PricesInvalid as error:
        return [f"{error}."]
    return []


def _told(keys: Keys, reading: Reading) -> str:
    return (
        f"{written(reading.given[keys], keys)} holds a secret, and {NAME} is deployed with the functions: put it into"
        " AWS Secrets Manager and write its ARN here (arn:aws:secretsmanager:...), and the ARN into the parameter"
        " ReadableSecrets."
    )


def _is_plain_secret(keys: Keys, value: object) -> bool:
    knob: Knob | None = keys_to_knobs().get(keys)
    if knob is None or not knob.is_secret or is_arn(value):
        return False
    return not isinstance(value, str) or keys not in _ADDRESSES or bool(urlsplit(value).password)


def _wrong(path: Path, reading: Reading) -> list[str]:
    """What the functions would refuse to start with. Nothing is fetched: any secret will do here."""
    stand_ins = {str(given.value): _stand_in(keys) for keys, given in reading.given.items() if is_arn(given.value)}
    with tempfile.TemporaryDirectory() as alone:
        # Alone, because a `.env` beside it is not deployed.
        shutil.copy(path, Path(alone) / NAME)
        found = resolve(env=_GIVEN, folder=Path(alone), read_secret=lambda arn: stand_ins.get(arn, _SOME_SECRET))
    return list(found.problems)


def _stand_in(keys: Keys) -> str:
    if keys_to_knobs()[keys].is_json:
        return "{}"
    return _ADDRESSES.get(keys, _SOME_SECRET)
