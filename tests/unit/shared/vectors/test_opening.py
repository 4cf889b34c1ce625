"""Which store the settings choose, and what is said where it cannot be had."""

import sys

import pytest

from shared.domain.vector import EmbeddingSpace
from shared.settings import load
from shared.settings.sections import Settings
from shared.settings.sources import SettingsInvalid
from shared.store.database import open_database
from shared.vectors.dual import DualIndex
from shared.vectors.external import ExternalIndex
from shared.vectors.opening import Stores, open_stores
from shared.vectors.pg import PgIndex
from shared.vectors.shelf import MESSAGES, WORDED_MESSAGES

TURBOPUFFER = {"VECTOR_STORE_TYPE": "turbopuffer", "VECTOR_STORE_TURBOPUFFER_API_KEY": "tpuf_k"}
LANCEDB = {"VECTOR_STORE_TYPE": "lancedb"}


def opened(tmp_path, **env: str) -> Stores:
    settings: Settings = load(env=env, folder=tmp_path)
    space = EmbeddingSpace("m", 3)
    return open_stores(
        settings.vector_store, settings.namespace("vector_store"), open_database(settings.db), lambda: space
    )


def test_postgres_alone_is_the_default(tmp_path):
    assert type(opened(tmp_path).index) is PgIndex


@pytest.mark.parametrize("chosen", [TURBOPUFFER, LANCEDB], ids=["turbopuffer", "lancedb"])
def test_external_store_is_written_beside_postgres_until_it_is_migrated(tmp_path, chosen: dict[str, str]):
    index = opened(tmp_path, **chosen).index
    assert isinstance(index, DualIndex)
    assert (type(index.main), type(index.beside)) == (PgIndex, ExternalIndex)
    assert type(opened(tmp_path, **chosen, VECTOR_STORE_MIGRATED="true").index) is ExternalIndex


def test_texts_are_sent_to_turbopuffer_only_when_that_is_asked_for(tmp_path):
    assert opened(tmp_path, **TURBOPUFFER).external.keeps == MESSAGES
    assert opened(tmp_path, **TURBOPUFFER, VECTOR_STORE_TURBOPUFFER_TEXT="true").external.keeps == WORDED_MESSAGES


def test_opening_imports_no_sdk(tmp_path):
    before = set(sys.modules)
    assert opened(tmp_path, **TURBOPUFFER).index
    assert opened(tmp_path, **LANCEDB).index
    assert not {"turbopuffer", "lancedb", "pyarrow"} & (set(sys.modules) - before)


def test_lancedb_that_is_not_installed_is_refused_at_start(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "lancedb", raising=False)
    with pytest.raises(SettingsInvalid, match="the package lancedb is not installed: pip install -r infra/local"):
        opened(tmp_path, **LANCEDB)


@pytest.mark.parametrize("variable", ["NAMESPACE", "VECTOR_STORE_NAMESPACE"])
def test_namespace_that_no_store_takes_is_refused_at_start(tmp_path, variable: str):
    with pytest.raises(SettingsInvalid, match="VECTOR_STORE_NAMESPACE must be at most 64 letters"):
        opened(tmp_path, **TURBOPUFFER, **{variable: "with space"})
    opened(tmp_path, **{variable: "with space"})
