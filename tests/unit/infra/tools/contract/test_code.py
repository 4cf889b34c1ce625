"""What a function's code uses of AWS, read from its source."""

import pytest

from infra.tools.contract import code

WORKERS = [f"functions.{name}.handler" for name in ("deriver", "summary", "dream", "chores")]


def operations(entry: str) -> set[str]:
    return {f"{call.service}:{call.operation}" for call in code.calls(entry)}


def test_api_sends_and_reads_secrets_orders_tick_and_puts_nothing_back():
    orders = {"scheduler:GetSchedule", "scheduler:UpdateSchedule"}
    assert operations("functions.api.handler") == {"sqs:SendMessageBatch", "secretsmanager:GetSecretValue", *orders}


@pytest.mark.parametrize("entry", WORKERS)
def test_worker_puts_back_what_it_cannot_do_now(entry: str):
    assert operations(entry) >= {"sqs:SendMessageBatch", "sqs:ChangeMessageVisibility"}


def test_migration_has_the_queue_within_reach_and_never_calls_it():
    assert "shared.queue.sqs" in code.reached("functions.migrate.handler")
    assert operations("functions.migrate.handler") == {"secretsmanager:GetSecretValue"}


def test_modules_that_are_imported_by_name_are_reached():
    assert "shared.llm.offline" in code.reached("functions.deriver.handler")
    assert "infra.migrations.apply" in code.reached("functions.migrate.handler")


def test_workers_do_not_reach_the_api():
    assert not [module for module in code.reached("functions.deriver.handler") if module.startswith("functions.api")]


def test_variables_are_read_by_text_and_by_constant():
    read = code.variables_read("functions.api.handler")
    assert read >= {"AWS_LAMBDA_FUNCTION_NAME", "TIKTOKEN_CACHE_DIR", "PROMETHEUS_MULTIPROC_DIR"}
