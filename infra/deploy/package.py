"""The `package` verb: what is built, uploaded to a bucket, and a template that CloudFormation takes as it is."""

import argparse
import sys
from pathlib import Path
from typing import Final

from infra.bootstrap import ROOT
from infra.deploy import build, sam
from infra.deploy.account import Refused, open_account

_INTO: Final = ROOT / ".aws-sam" / "packaged.yaml"


def package(argv: list[str]) -> int:
    """Build, upload to a bucket of yours, and write the template that `aws cloudformation deploy` takes."""
    parser = argparse.ArgumentParser(prog="python3 -m infra package", description=package.__doc__)
    parser.add_argument("--bucket", required=True, help="in the region of the stack")
    parser.add_argument(
        "--prefix", default="honcho-package", help="what the names of the objects begin with (%(default)s)"
    )
    parser.add_argument("--region", help="default: the one of the AWS configuration")
    parser.add_argument("--into", type=Path, default=_INTO, help="where the template is written")
    parser.add_argument("--no-build", action="store_true", help="take what was built before")
    parser.add_argument("--built", type=Path, default=ROOT / ".aws-sam" / "build", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    try:
        account = open_account(arguments.region)
        if not arguments.no_build and (code := build.build([])) != 0:
            return code
        return _packaged(account.region, arguments)
    except (Refused, sam.CannotBuild) as error:
        print(error, file=sys.stderr)
        return 1


def _packaged(region: str, arguments: argparse.Namespace) -> int:
    if not (arguments.built / "template.yaml").is_file():
        raise Refused("Nothing was built yet: leave --no-build away.")
    done = sam.run(
        [
            *("package", "--template-file", str(arguments.built / "template.yaml"), "--region", region),
            *("--s3-bucket", arguments.bucket, "--s3-prefix", arguments.prefix, "--no-progressbar"),
            *("--output-template-file", str(arguments.into.absolute())),
        ],
        quietly=True,
    )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        return 1
    print(f"{arguments.into}: `aws cloudformation deploy --template-file {arguments.into} --stack-name honcho")
    print("  --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND` deploys it, and so does the console.")
    return 0
