"""A script for the environment of aws-sam-translator: SAM templates in, what CloudFormation gets out, as JSON."""

import json
import sys
from typing import Any

# Not in our environment.
from samtranslator.translator.transform import (  # pyright: ignore[reportMissingImports]
    transform,  # pyright: ignore[reportUnknownVariableType]
)


class ManagedPolicies:
    """Names and ARNs of AWS's own policies: without credentials nobody can ask for them, and none is needed."""

    def load(self) -> dict[str, str]:
        return {}


def main() -> None:
    asked: list[dict[str, Any]] = json.load(sys.stdin)
    json.dump([transform(one["document"], one["parameters"], ManagedPolicies()) for one in asked], sys.stdout)


if __name__ == "__main__":
    main()
