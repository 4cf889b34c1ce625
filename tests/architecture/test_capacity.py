"""What may run at once, counted in connections to the database, and what the door lets through of it."""

import pytest

from infra.local import cloudformation as cfn
from tests.support.stacks import PARENT, PROFILES, Rendered, rendered

DATA = "infra/stacks/data.yaml"
PROXY = "infra/stacks/proxy.yaml"
# A share of the connections is left for migrations and people.
MOST = 0.8
# Seconds that an environment is taken by a request and by an answer, on average and when the models are slow.
REQUEST_S, ANSWER_S = 0.25, 5.0

pytestmark = pytest.mark.parametrize("profile", PROFILES)


def functions(profile: str) -> tuple[Rendered, dict[str, dict[str, cfn.Node]]]:
    template = rendered(PARENT, {"Profile": profile})
    return template, template.of_type("AWS::Serverless::Function")


def connections_of_each(template: Rendered, function: dict[str, cfn.Node]) -> int:
    """How many connections one environment may hold."""
    common = cfn.table(cfn.table(template.document["Globals"], "Globals")["Function"], "Function")
    variables = {**cfn.variables_of(common), **cfn.variables_of(function)}
    return template.number(variables["DB_POOL_SIZE"]) + template.number(variables["DB_MAX_OVERFLOW"])


def concurrency(profile: str) -> dict[str, int]:
    template, found = functions(profile)
    return {name: template.number(one["ReservedConcurrentExecutions"]) for name, one in found.items()}


def test_connections_of_all_functions_stay_below_what_the_database_takes(profile: str):
    template, found = functions(profile)
    at_once = concurrency(profile)
    needed = sum(at_once[name] * connections_of_each(template, one) for name, one in found.items())
    data = rendered(DATA, {"Profile": profile})
    group = data.of_type("AWS::RDS::DBClusterParameterGroup")["ClusterParameters"]
    most = data.number(cfn.table(group["Parameters"], "Parameters")["max_connections"])
    assert needed < MOST * most


def test_proxy_takes_what_the_functions_may_need_and_leaves_some(profile: str):
    assert ("Proxy" in rendered(PARENT, {"Profile": profile}).resources) == (profile != "zero")
    (targets,) = rendered(PROXY, {}).of_type("AWS::RDS::DBProxyTargetGroup").values()
    share = cfn.table(targets["ConnectionPoolConfigurationInfo"], "pool")["MaxConnectionsPercent"]
    assert MOST * 100 <= cfn.whole(share, 0) < 100


def test_mappings_take_as_much_as_is_reserved_for_their_function(profile: str):
    template, found = functions(profile)
    for name, function in found.items():
        events = cfn.table(function.get("Events") or {}, name).values()
        for event in (cfn.properties_of(cfn.table(e, name), name) for e in events):
            if "ScalingConfig" in event:
                most = template.number(cfn.table(event["ScalingConfig"], name)["MaximumConcurrency"])
                assert 2 <= most == concurrency(profile)[name]


def test_dreams_have_the_least_of_all_who_work_behind_a_queue(profile: str):
    at_once = concurrency(profile)
    others = ("DeriverFunction", "SummaryFunction", "ChoresFunction")
    assert all(at_once["DreamFunction"] < at_once[name] for name in others)


def test_door_says_429_before_lambda_must(profile: str):
    template, _ = functions(profile)
    at_once = concurrency(profile)
    door = template.of_type("AWS::Serverless::Api")["Door"]
    chats = 0
    for method in cfn.items([door], "MethodSettings"):
        setting = cfn.table(method, "MethodSettings")
        is_chat = str(setting["ResourcePath"]).endswith("~1chat")
        chats += is_chat
        taken, held_s = ("ChatFunction", ANSWER_S) if is_chat else ("ApiFunction", REQUEST_S)
        assert template.number(setting["ThrottlingBurstLimit"]) <= at_once[taken]
        assert template.number(setting["ThrottlingRateLimit"]) * held_s <= at_once[taken]
    assert chats == 2


def test_what_is_reserved_leaves_room_in_an_account_of_the_usual_size(profile: str):
    # Most accounts may run a thousand, of which a hundred must stay for what reserves nothing; Reserve says 400.
    assert sum(concurrency(profile).values()) < 400


def test_environments_that_are_ready_are_among_those_reserved(profile: str):
    template = rendered(PARENT, {"Profile": profile, "ColdStart": "provisioned"})
    for name, function in template.of_type("AWS::Serverless::Function").items():
        ready = cfn.table(function.get("ProvisionedConcurrencyConfig") or {}, name)
        if ready:
            assert 1 <= template.number(ready["ProvisionedConcurrentExecutions"]) <= concurrency(profile)[name]
