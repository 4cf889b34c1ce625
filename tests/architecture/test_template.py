"""What no linter of templates sees: handlers that exist, queues that keep their promises, routes that are reached."""

import ast
import json
import os
import tomllib

import pytest

from infra.bootstrap import ROOT
from infra.local import cloudformation as cfn
from infra.local import template as sam
from infra.local.resources import Resources
from infra.local.template import FunctionSpec, QueueSpec
from shared.domain.retry import LONGEST_RUN
from shared.queue.batch import MOST_RECEIVES
from shared.reasoning.shift import TO_COMMIT
from shared.settings import Settings

TEMPLATE = sam.load(ROOT / "template.yaml")
FUNCTIONS = list(TEMPLATE.functions.values())
FED = [(function, mapping) for function in FUNCTIONS for mapping in function.mappings]
SOURCES = [queue for queue in TEMPLATE.queues.values() if queue.dead_letter is not None]


def of_function(function: FunctionSpec) -> str:
    return function.logical_id


def of_queue(queue: QueueSpec) -> str:
    return queue.logical_id


def defined_names(module: str) -> set[str]:
    """The names at the top of a module, read without importing it."""
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    targets = [node.target for node in tree.body if isinstance(node, ast.AnnAssign)]
    targets += [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return names | {target.id for target in targets if isinstance(target, ast.Name)}


@pytest.mark.parametrize("function", [f for f in FUNCTIONS if f.uvicorn is None], ids=of_function)
def test_handler_is_a_function_of_the_tree(function: FunctionSpec):
    module, _, name = function.handler.rpartition(".")
    assert name in defined_names(module)


@pytest.mark.parametrize("function", [f for f in FUNCTIONS if f.uvicorn is not None], ids=of_function)
def test_web_function_has_its_script_and_its_application(function: FunctionSpec):
    script = ROOT / function.handler
    assert os.access(script, os.X_OK)
    assert function.uvicorn is not None
    module, _, name = function.uvicorn.partition(":")
    assert name in defined_names(module)
    assert function.uvicorn in script.read_text()


def test_run_of_the_api_is_over_before_another_may_take_its_place():
    assert TEMPLATE.functions["ApiFunction"].timeout_s < LONGEST_RUN.total_seconds()


def test_every_function_folder_has_a_function_and_every_handler_its_folder():
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}
    assert {f.handler.split(".")[1] for f in FUNCTIONS if f.uvicorn is None} == folders


@pytest.mark.parametrize("queue", SOURCES, ids=of_queue)
def test_queue_and_its_dead_letters_are_fifo_at_high_throughput(queue: QueueSpec):
    assert queue.dead_letter is not None
    for each in (queue, TEMPLATE.queues[queue.dead_letter]):
        assert each.fifo
        assert each.name.endswith(".fifo")
        assert each.attributes["DeduplicationScope"] == "messageGroup"
        assert each.attributes["FifoThroughputLimit"] == "perMessageGroupId"
    assert queue.max_receive_count == MOST_RECEIVES


def test_every_queue_is_fed_to_a_function_or_takes_dead_letters():
    dead = {queue.dead_letter for queue in SOURCES}
    assert {mapping.queue for _, mapping in FED} == {queue.logical_id for queue in SOURCES}
    assert dead == set(TEMPLATE.queues) - {queue.logical_id for queue in SOURCES}


@pytest.mark.parametrize(("function", "queue"), [(f, TEMPLATE.queues[m.queue]) for f, m in FED])
def test_visibility_is_at_least_six_timeouts(function: FunctionSpec, queue: QueueSpec):
    assert queue.visibility_timeout_s >= 6 * function.timeout_s


def test_mappings_report_failures_within_the_limits_of_fifo():
    for _, mapping in FED:
        assert mapping.reports_failures
        assert 1 <= mapping.batch_size <= 10
        assert mapping.max_concurrency is not None
        assert mapping.max_concurrency >= 2


def test_kinds_of_work_whose_head_may_be_slow_come_one_at_a_time():
    sizes = {mapping.queue: mapping.batch_size for _, mapping in FED}
    assert (sizes["DeriveQueue"], sizes["SummaryQueue"], sizes["DreamQueue"], sizes["ChoresQueue"]) == (1, 1, 1, 10)


@pytest.mark.parametrize("function", FUNCTIONS, ids=of_function)
def test_timeout_fits_lambda_and_what_waits_for_it(function: FunctionSpec):
    behind_buffering_api = function.routes and function.uvicorn is None
    assert 0 < function.timeout_s <= (29 if behind_buffering_api else 900)
    if function.schedule_s is not None:
        assert function.timeout_s < function.schedule_s


def test_dream_has_time_for_a_whole_answer_and_to_write_it_down():
    seconds = TEMPLATE.functions["DreamFunction"].timeout_s
    assert Settings().dream.timeout_seconds + TO_COMMIT.total_seconds() <= seconds


@pytest.mark.parametrize("function", FUNCTIONS, ids=of_function)
def test_function_knows_every_queue_it_may_send_to(function: FunctionSpec):
    urls = {queue.logical_id: queue.logical_id for queue in SOURCES}
    found = TEMPLATE.variables(function, urls)
    expected = {
        "QUEUE_DERIVE_URL": "DeriveQueue",
        "QUEUE_SUMMARY_URL": "SummaryQueue",
        "QUEUE_DREAM_URL": "DreamQueue",
        "QUEUE_CHORES_URL": "ChoresQueue",
    }
    assert {name: found.get(name) for name in expected} == expected


def test_resources_above_a_narrow_route_answer_too():
    # API Gateway does not go back from the most specific resource, even to a greedy one.
    resources = Resources(TEMPLATE.routes)
    for route in TEMPLATE.routes:
        parts = route.path.replace("{proxy+}", "").split("/")
        for length in range(1, len(parts) + 1):
            path = "/".join(part.strip("{}") for part in parts[:length]) or "/"
            assert resources.match("GET", path) is not None, path


def test_answers_of_the_gateway_itself_carry_a_detail():
    door = cfn.properties_of(cfn.table(cfn.read(ROOT / "template.yaml")["Resources"], "Resources")["Door"], "Door")  # pyright: ignore
    responses = cfn.table(door["GatewayResponses"], "GatewayResponses")
    busy = {"THROTTLED", "INTEGRATION_FAILURE"}
    assert set(responses) == {"DEFAULT_4XX", "DEFAULT_5XX", "INTEGRATION_TIMEOUT", "REQUEST_TOO_LARGE", *busy}
    for name in busy:
        told = cfn.table(responses[name], name)
        assert (told["StatusCode"], told["ResponseParameters"]) == (429, {"Headers": {"Retry-After": "'1'"}})
    for name, response in responses.items():
        templates = cfn.table(cfn.table(response, name)["ResponseTemplates"], name)
        # The text of the gateway comes with its quotes.
        written = str(templates["application/json"]).replace("$context.error.messageString", '"said"')
        assert set(json.loads(written)) == {"detail"}


def test_access_log_is_one_json_object_and_names_nobody():
    door = cfn.properties_of(cfn.table(cfn.read(ROOT / "template.yaml")["Resources"], "Resources")["Door"], "Door")  # pyright: ignore
    written = str(cfn.table(door["AccessLogSetting"], "AccessLogSetting")["Format"])
    assert set(json.loads(written)) >= {"requestId", "status", "latency", "resource"}
    assert "$context.path" not in written.replace("$context.resourcePath", "")


def test_stage_is_the_version_of_the_api_and_the_only_one():
    assert TEMPLATE.stage == "v3"
    door = cfn.properties_of(cfn.table(cfn.read(ROOT / "template.yaml")["Resources"], "Resources")["Door"], "Door")  # pyright: ignore
    # SAM adds a stage of its own, without throttling and logs, to an API of the older format.
    assert door["OpenApiVersion"] == "3.0.1"


def test_samconfig_deploys_what_the_template_is_named_for():
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    assert config["default"]["global"]["parameters"]["stack_name"] == sam.STACK_NAME


def test_what_has_a_name_of_its_own_is_named_after_the_stack():
    # A second stack in the account would otherwise claim the same; SAM names a schedule after its function.
    for name, node in cfn.table(cfn.read(ROOT / "template.yaml")["Resources"], "Resources").items():
        properties = cfn.properties_of(cfn.table(node, name), name)
        events = cfn.table(properties.get("Events") or {}, name).values()
        schedules = [cfn.table(event, name) for event in events if cfn.table(event, name)["Type"] == "ScheduleV2"]
        for named in (properties, *(cfn.properties_of(one, name) for one in schedules)):
            for key in {key for key in named if key.endswith("Name") and key != "StageName"}:
                assert "${AWS::StackName}" in str(named[key]), f"{name}: {key}"
        assert all("${AWS::StackName}" in str(cfn.properties_of(one, name).get("Name")) for one in schedules)


def test_authentication_is_on_unless_the_deploy_says_otherwise():
    document = cfn.read(ROOT / "template.yaml")
    parameters = cfn.table(document["Parameters"], "Parameters")
    assert cfn.table(parameters["UseAuth"], "UseAuth")["Default"] == "true"
    wired = {
        "AUTH_USE_AUTH": {"Ref": "UseAuth"},
        "AUTH_JWT_SECRET": {"Fn::If": ["MakesKeySecret", {"Ref": "KeySecret"}, {"Ref": "JwtSecret"}]},
        "AUTH_JWT_SECRET_PREVIOUS": {"Ref": "JwtSecretPrevious"},
    }
    resources = cfn.table(document["Resources"], "Resources")
    for function in (function for function in FUNCTIONS if function.routes):
        resource = cfn.table(resources[function.logical_id], function.logical_id)
        written = cfn.variables_of(cfn.properties_of(resource, function.logical_id))
        assert {name: written.get(name) for name in wired} == wired


def test_every_function_waits_for_the_migration_that_changes_with_its_code():
    resources = cfn.table(cfn.read(ROOT / "template.yaml")["Resources"], "Resources")
    waiting = {name for name, node in resources.items() if cfn.table(node, name).get("DependsOn") == "Migration"}
    assert waiting == {function.logical_id for function in FUNCTIONS} - {"MigrateFunction"} | {"Proxy"}
    migration = cfn.properties_of(cfn.table(resources["Migration"], "Migration"), "Migration")
    assert migration["ServiceToken"] == {"Fn::GetAtt": ["MigrateFunction", "Arn"]}
    assert migration["Version"] == {"Ref": "MigrateFunction.Version"}
    # Lambda ends the function, and runs it once more, before CloudFormation gives up.
    assert cfn.whole(migration["ServiceTimeout"], 0) > 2 * TEMPLATE.functions["MigrateFunction"].timeout_s
