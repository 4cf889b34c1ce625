"""The template is read as declared, and refused where a local run would have to guess."""

from pathlib import Path

import pytest

from infra.bootstrap import ROOT
from infra.local.cloudformation import TemplateError
from infra.local.template import MappingSpec, load

QUEUE = """
  Work:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub ${AWS::StackName}-work.fifo
      FifoQueue: true
      VisibilityTimeout: 30
"""
FUNCTION = """
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Handler: some.module.handler
      Timeout: 10
      Environment:
        Variables:
          QUEUE: !Ref Work
          QUEUE_ARN: !GetAtt Work.Arn
          SECRET: !Ref Parameter
          PLACE: !Sub "${AWS::Region}/x"
          UNKNOWN: !ImportValue elsewhere
          FLAG: true
          EMPTY: ""
          PLAN: !If [IsSmall, !Ref Parameter, elsewhere]
          SIZE: !FindInMap [Size, !Ref Profile, Small]
      Events:
        Work:
          Type: SQS
          Properties: {Queue: !GetAtt Work.Arn, BatchSize: 4, ScalingConfig: {MaximumConcurrency: 3}}
"""


CHOICES = """
Parameters: {Profile: {Type: String, Default: small}}
Mappings: {Size: {small: {Small: 7}}}
Conditions: {IsSmall: !Equals [!Ref Profile, small]}
"""


def written(folder: Path, *resources: str, head: str = CHOICES) -> Path:
    path = folder / "template.yaml"
    path.write_text(head + "Resources:\n" + "".join(resources))
    return path


def test_load_when_a_queue_feeds_a_function_gives_the_mapping(tmp_path: Path):
    function = load(written(tmp_path, QUEUE, FUNCTION)).functions["Worker"]
    assert function.mappings == (MappingSpec(queue="Work", batch_size=4, reports_failures=False, max_concurrency=3),)
    assert function.timeout_s == 10


def test_variables_when_references_have_a_value_are_resolved_and_the_rest_left_out(tmp_path: Path):
    template = load(written(tmp_path, QUEUE, FUNCTION))
    assert template.variables(template.functions["Worker"], {"Work": "http://queue"}) == {
        "QUEUE": "http://queue",
        "QUEUE_ARN": "arn:aws:sqs:us-east-1:000000000000:honcho-work.fifo",
        "PLACE": "us-east-1/x",
        "FLAG": "true",
    }


def test_load_when_globals_and_function_both_speak_prefers_the_function(tmp_path: Path):
    head = "Globals: {Function: {Timeout: 3, MemorySize: 256, Environment: {Variables: {FLAG: 0, COMMON: x}}}}\n"
    template = load(written(tmp_path, QUEUE, FUNCTION, head=CHOICES + head))
    function = template.functions["Worker"]
    assert (function.timeout_s, function.memory_mb) == (10, 256)
    assert {"FLAG": "true", "COMMON": "x"}.items() <= template.variables(function, {}).items()


def test_load_when_a_mapping_says_how_many_takes_the_number_of_the_usual_profile(tmp_path: Path):
    function = FUNCTION.replace("MaximumConcurrency: 3", "MaximumConcurrency: !FindInMap [Size, !Ref Profile, Small]")
    mapping = load(written(tmp_path, QUEUE, function)).functions["Worker"].mappings[0]
    assert mapping.max_concurrency == 7


def test_variables_of_the_product_leave_to_the_operator_what_a_deploy_would_set():
    template = load(ROOT / "template.yaml")
    found = template.variables(template.functions["ChatFunction"], {"DbConnectionUri": "postgresql://here"})
    assert found["DB_CONNECTION_URI"] == "postgresql://here"
    deployed = {"DB_PASSWORD", "DB_CONNECT_TIMEOUT_SECONDS", "DB_POOL_SIZE", "LOG_LEVEL", "AUTH_JWT_SECRET"}
    assert not deployed & set(found)


def test_load_when_visibility_is_below_the_timeout_refuses_as_the_service_does(tmp_path: Path):
    with pytest.raises(TemplateError, match=r"VisibilityTimeout of Work \(30 s\)"):
        load(written(tmp_path, QUEUE, FUNCTION.replace("Timeout: 10", "Timeout: 31")))


def test_load_when_the_queue_of_a_mapping_is_missing_names_it(tmp_path: Path):
    with pytest.raises(TemplateError, match="queue Work is not declared"):
        load(written(tmp_path, FUNCTION))


@pytest.mark.parametrize(("expression", "seconds"), [("rate(1 minute)", 60), ("rate(2 hours)", 7200)])
def test_load_when_a_rate_is_given_tells_its_seconds(tmp_path: Path, expression: str, seconds: float):
    event = f"Events: {{Tick: {{Type: ScheduleV2, Properties: {{ScheduleExpression: {expression}}}}}}}"
    function = f"  F: {{Type: AWS::Serverless::Function, Properties: {{Handler: a.b, {event}}}}}\n"
    assert load(written(tmp_path, function)).functions["F"].schedule_s == seconds


def test_load_when_a_schedule_is_no_rate_refuses_it(tmp_path: Path):
    event = "Events: {Tick: {Type: ScheduleV2, Properties: {ScheduleExpression: cron(0 1 * * ? *)}}}"
    with pytest.raises(TemplateError, match="only rate"):
        load(written(tmp_path, f"  F: {{Type: AWS::Serverless::Function, Properties: {{Handler: a.b, {event}}}}}\n"))


def test_load_when_a_resource_is_unknown_lists_it(tmp_path: Path):
    assert load(written(tmp_path, QUEUE, "  Topic: {Type: AWS::SNS::Topic}\n")).ignored == ("Topic",)


def test_load_when_the_file_is_no_yaml_says_so(tmp_path: Path):
    path = tmp_path / "template.yaml"
    path.write_text("Resources: {")
    with pytest.raises(TemplateError, match=r"template\.yaml"):
        load(path)


def test_load_of_the_product_template_understands_every_resource():
    assert load(ROOT / "template.yaml").ignored == ()
