"""The stacks inside the template: what each profile is made of, and that what is given to them is what they take."""

import pytest

from infra.local import cloudformation as cfn
from infra.local.cloudformation import Node
from infra.local.postgres_folder import MAJOR
from tests.support.stacks import PARENT, PROFILES, Rendered, declared, rendered

NETWORK, DATA, PROXY = "infra/stacks/network.yaml", "infra/stacks/data.yaml", "infra/stacks/proxy.yaml"
OPEN = {"0.0.0.0/0", "::/0"}


def network(profile: str) -> Rendered:
    return rendered(NETWORK, {"Profile": profile})


def data(profile: str) -> Rendered:
    return rendered(DATA, {"Profile": profile})


def scaling(profile: str) -> dict[str, Node]:
    cluster = data(profile).of_type("AWS::RDS::DBCluster")["Cluster"]
    return cfn.table(cluster["ServerlessV2ScalingConfiguration"], "scaling")


@pytest.mark.parametrize(("name", "file"), [("Network", NETWORK), ("Data", DATA), ("Proxy", PROXY)])
def test_stack_inside_gets_each_parameter_it_needs_and_no_other(name: str, file: str):
    stack = cfn.properties_of(declared(PARENT, "Resources")[name], name)
    assert stack["TemplateURL"] == f"./{file}"
    given, taken = cfn.table(stack["Parameters"], name), declared(file, "Parameters")
    assert set(given) <= set(taken)
    assert {parameter for parameter, one in taken.items() if "Default" not in one} <= set(given)


@pytest.mark.parametrize("parameter", ["Profile", "EngineVersion", "BackupDays", "DeletionProtection", "LogDays"])
def test_parameter_that_is_passed_on_may_be_the_same_everywhere(parameter: str):
    ours = {k: v for k, v in declared(PARENT, "Parameters")[parameter].items() if k != "Description"}
    theirs = {k: v for k, v in declared(DATA, "Parameters")[parameter].items() if k != "Description"}
    assert ours == theirs


@pytest.mark.parametrize("profile", PROFILES)
def test_private_subnets_are_in_two_zones_and_go_out_over_ipv6_without_a_nat(profile: str):
    made = network(profile)
    subnets = {n: s for n, s in made.of_type("AWS::EC2::Subnet").items() if n.startswith("Private")}
    assert len({str(s["AvailabilityZone"]) for s in subnets.values()}) == 2
    ways = [r for r in made.of_type("AWS::EC2::Route").values() if r.get("DestinationIpv6CidrBlock") == "::/0"]
    assert len(ways) == 2
    assert all(r["EgressOnlyInternetGatewayId"] == {"Ref": "Ipv6Out"} for r in ways)
    for subnet in subnets.values():
        assert subnet["AssignIpv6AddressOnCreation"] is True
        assert "MapPublicIpOnLaunch" not in subnet


@pytest.mark.parametrize(("profile", "nats"), [("zero", 0), ("warm", 1), ("steady", 2)])
def test_each_zone_has_a_way_out_over_ipv4_where_there_is_a_nat(profile: str, nats: int):
    made = network(profile)
    assert len(made.of_type("AWS::EC2::NatGateway")) == len(made.of_type("AWS::EC2::EIP")) == nats
    ways = [r["NatGatewayId"] for r in made.of_type("AWS::EC2::Route").values() if "NatGatewayId" in r]
    assert len(ways) == (2 if nats else 0)
    assert len({str(way) for way in ways}) == nats
    assert bool(made.of_type("AWS::EC2::InternetGateway")) == bool(nats)


@pytest.mark.parametrize("profile", PROFILES)
def test_only_s3_has_an_endpoint_and_that_one_is_free(profile: str):
    # The others cost some fifteen dollars a month each in two zones; over IPv6 the same services cost nothing.
    kinds = [one["VpcEndpointType"] for one in network(profile).of_type("AWS::EC2::VPCEndpoint").values()]
    assert kinds == ["Gateway"]


@pytest.mark.parametrize("file", [DATA, PROXY])
def test_database_lets_in_functions_and_proxy_at_its_port_and_nobody_else(file: str):
    made = rendered(file, {})
    rules = [*made.of_type("AWS::EC2::SecurityGroupIngress").values()]
    for group in made.of_type("AWS::EC2::SecurityGroup").values():
        rules += [cfn.table(rule, "rule") for rule in cfn.items([group], "SecurityGroupIngress")]
        out = [cfn.table(rule, "rule").get("CidrIp") for rule in cfn.items([group], "SecurityGroupEgress")]
        assert out, "a group without a rule lets everything out"
        assert not OPEN & set(out)
    for rule in rules:
        assert (rule["FromPort"], rule["ToPort"], "CidrIp" in rule, "CidrIpv6" in rule) == (5432, 5432, False, False)
        assert rule["SourceSecurityGroupId"] in ({"Ref": "FunctionSecurityGroupId"}, {"Ref": "ProxySecurityGroup"})
    assert len(rules) == (1 if file == DATA else 2)


@pytest.mark.parametrize("profile", PROFILES)
def test_functions_let_nobody_in(profile: str):
    assert not network(profile).of_type("AWS::EC2::SecurityGroup")["FunctionSecurityGroup"].get("SecurityGroupIngress")


@pytest.mark.parametrize("profile", PROFILES)
def test_database_is_encrypted_hidden_and_leaves_a_snapshot(profile: str):
    made = data(profile)
    cluster = made.of_type("AWS::RDS::DBCluster")["Cluster"]
    assert (cluster["StorageEncrypted"], cluster["ManageMasterUserPassword"]) == (True, True)
    assert "MasterUserPassword" not in cluster
    assert made.resources["Cluster"]["DeletionPolicy"] == made.resources["Cluster"]["UpdateReplacePolicy"] == "Snapshot"
    assert all(one["PubliclyAccessible"] is False for one in made.of_type("AWS::RDS::DBInstance").values())
    parameters = cfn.table(made.of_type("AWS::RDS::DBClusterParameterGroup")["ClusterParameters"]["Parameters"], "p")
    assert parameters["rds.force_ssl"] == "1"
    # Errors would put statements and rows of users into the log.
    assert (parameters["log_error_verbosity"], parameters["log_min_error_statement"]) == ("terse", "panic")
    assert not {"log_statement", "log_min_duration_statement"} & set(parameters)


def test_zero_pauses_and_has_nothing_that_would_keep_it_awake():
    made = data("zero")
    limits = scaling("zero")
    assert (made.number(limits["MinCapacity"]), limits["SecondsUntilAutoPause"]) == (0, 300)
    assert not made.of_type("AWS::RDS::DBProxy")
    parent = rendered(PARENT, {"Profile": "zero"})
    assert "Proxy" not in parent.resources
    expressions = [
        str(cfn.properties_of(cfn.table(event, name), name)["ScheduleExpression"])
        for name, function in parent.of_type("AWS::Serverless::Function").items()
        for event in cfn.table(function.get("Events") or {}, name).values()
        if cfn.table(event, name)["Type"] == "ScheduleV2"
    ]
    assert expressions
    assert not [one for one in expressions if one.startswith("rate")]
    assert not [
        n for n, f in parent.of_type("AWS::Serverless::Function").items() if "ProvisionedConcurrencyConfig" in f
    ]


@pytest.mark.parametrize(
    ("profile", "expected"), [("zero", "https://scheduler.${AWS::Region}.api.aws"), ("warm", None)]
)
def test_scheduler_is_called_by_the_name_that_has_ipv6_where_there_is_nothing_else(profile: str, expected: str | None):
    parent = rendered(PARENT, {"Profile": profile})
    common = cfn.table(parent.document["Globals"], "Globals")
    variables = cfn.variables_of(cfn.table(parent.choices.settled(common["Function"]), "Function"))
    assert variables.get("AWS_ENDPOINT_URL_SCHEDULER") == (expected and {"Fn::Sub": expected})
    # boto3 would make up names: see decision 0049.
    assert "AWS_USE_DUALSTACK_ENDPOINT" not in variables


@pytest.mark.parametrize(("profile", "instances"), [("warm", 1), ("steady", 2)])
def test_others_are_always_awake_behind_a_proxy_for_the_role_app(profile: str, instances: int):
    made = data(profile)
    assert "SecondsUntilAutoPause" not in scaling(profile)
    assert float(cfn.attribute(made.choices.looked_up(scaling(profile)["MinCapacity"]))) >= 0.5
    assert len(made.of_type("AWS::RDS::DBInstance")) == instances
    assert "Proxy" in rendered(PARENT, {"Profile": profile}).resources
    behind = rendered(PROXY, {})
    proxy = behind.of_type("AWS::RDS::DBProxy")["Proxy"]
    assert proxy["RequireTLS"] is True
    assert [cfn.table(one, "auth")["SecretArn"] for one in cfn.items([proxy], "Auth")] == [{"Ref": "AppSecretArn"}]
    role = behind.of_type("AWS::IAM::Role")["ProxyRole"]
    document = cfn.table(cfn.table(cfn.items([role], "Policies")[0], "policy")["PolicyDocument"], "document")
    statements = [cfn.table(one, "statement") for one in cfn.items([document], "Statement")]
    assert [(one["Action"], one["Resource"]) for one in statements] == [
        ("secretsmanager:GetSecretValue", {"Ref": "AppSecretArn"})
    ]


def test_steady_has_someone_to_take_over_and_environments_that_are_ready():
    assert data("steady").of_type("AWS::RDS::DBInstance")["Reader"]["PromotionTier"] == 1
    functions = rendered(PARENT, {"Profile": "steady"}).of_type("AWS::Serverless::Function")
    assert {n for n, f in functions.items() if "ProvisionedConcurrencyConfig" in f} == {"ApiFunction", "ChatFunction"}


@pytest.mark.parametrize("start", ["profile", "plain", "snapshot", "provisioned"])
@pytest.mark.parametrize("profile", PROFILES)
def test_snapshot_and_provisioned_environments_never_meet(profile: str, start: str):
    functions = rendered(PARENT, {"Profile": profile, "ColdStart": start}).of_type("AWS::Serverless::Function")
    for function in functions.values():
        assert not {"SnapStart", "ProvisionedConcurrencyConfig"} <= set(function)
        if {"SnapStart", "ProvisionedConcurrencyConfig"} & set(function):
            assert function["AutoPublishAlias"] == "live"
    assert any("SnapStart" in f for f in functions.values()) == (start == "snapshot")


def test_database_of_ones_own_and_network_of_ones_own_leave_the_stacks_out():
    own = {"DbConnectionUri": "postgresql://h", "OwnerConnectionUri": "postgresql://h"}
    assert set(rendered(PARENT, {}).of_type("AWS::CloudFormation::Stack")) >= {"Network", "Data"}
    assert "Data" not in rendered(PARENT, own).resources
    assert "Network" in rendered(PARENT, own).resources
    given = rendered(PARENT, {"Vpc": "given", "VpcId": "vpc-1", "SubnetIds": "a,b", "SecurityGroupIds": "c"})
    assert "Network" not in given.resources
    assert "Data" in given.resources
    none = rendered(PARENT, {**own, "Vpc": "none"})
    assert not {"Network", "Data"} & set(none.resources)
    common = cfn.table(none.document["Globals"], "Globals")
    assert "VpcConfig" not in cfn.table(none.choices.settled(common["Function"]), "Function")


def test_engine_is_the_one_that_everything_is_tested_with():
    engine = declared(DATA, "Parameters")["EngineVersion"]
    assert str(engine["Default"]).split(".")[0] == MAJOR
