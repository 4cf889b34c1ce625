"""A machine from which is deployed: an account behind a local address, what was built, and the verbs."""

import io
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.aws.account import NUMBER, LocalAccount
from tests.support.aws.built import built_folder
from tests.support.aws.server import AwsServer
from tests.support.aws.stacks import Stack

KEY_SECRET = f"arn:aws:secretsmanager:eu-west-1:{NUMBER}:secret:KeySecret-AbCdEf"
SIGNING = "the secret that signs keys in these tests"
MODEL_KEY = f"OpenAiKey=arn:aws:secretsmanager:eu-west-1:{NUMBER}:secret:models-AbCdEf"


@dataclass(frozen=True)
class Ran:
    """What a verb did: its exit code and what it said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Machine:
    """Where the verbs are called."""

    account: LocalAccount
    server: AwsServer
    built: Path

    def run(self, verb: Callable[[list[str]], int], *arguments: str) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = verb(list(arguments))
        return Ran(code, out.getvalue(), err.getvalue())

    def given_stack(self, name: str = "honcho", **parameters: str) -> Stack:
        """A stack as a deploy leaves it, without the time that the SAM CLI takes."""
        change_set = self.begun(name, **parameters)
        self.account.stacks.execute({"ChangeSetName": change_set})
        stack = self.account.stacks.find(name)
        while stack.steps:
            self.account.stacks.look(name)
        return stack

    def begun(self, name: str = "honcho", **parameters: str) -> str:
        """A change set for a new stack, with all that it refers to in a bucket: its ARN."""
        text = (self.built / "template.yaml").read_text()
        objects = self.account.buckets.objects
        for part in sorted(one for one in self.built.iterdir() if one.is_dir()):
            nested = part / "template.yaml"
            objects[f"artefacts/{name}/{part.name}"] = nested.read_bytes() if nested.exists() else part.name.encode()
            place = f"s3://artefacts/{name}/{part.name}"
            text = text.replace(f"Uri: {part.name}\n", f"Uri: {place}\n")
            text = text.replace(
                f"TemplateURL: {part.name}/template.yaml", f"TemplateURL: {self.server.url}/{place[5:]}"
            )
        objects[f"artefacts/{name}/template"] = text.encode()
        asked = {
            "StackName": name,
            "ChangeSetName": "given",
            "ChangeSetType": "CREATE",
            "TemplateURL": f"{self.server.url}/artefacts/{name}/template",
            "Capabilities": ["CAPABILITY_AUTO_EXPAND"],
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        }
        return str(self.account.stacks.create_change_set(asked)["Id"])

    @property
    def deploying(self) -> tuple[str, ...]:
        """The arguments of a deploy of what was built, without a question."""
        return ("--no-build", "--built", str(self.built), "--yes", "--poll", "0.01")


@contextmanager
def machine(place: Path, patch: pytest.MonkeyPatch) -> Generator[Machine]:
    account = LocalAccount(secrets={KEY_SECRET: SIGNING})
    with AwsServer(account) as server:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield Machine(account, server, built_folder(place / "built"))
