"""A queue consumer for tests: appends what it gets to a file and fails as the message body asks."""

import json
import os
import time
from typing import Any


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Report the records whose body asks to fail; raise or exit where a body asks for that."""
    failures: list[dict[str, str]] = []
    with open(os.environ["WORKER_FILE"], "a") as file:
        for record in event["Records"]:
            body = json.loads(record["body"])
            file.write(json.dumps({"body": body, "record": record, "at": time.time()}) + "\n")
            file.flush()
            if body.get("exit"):
                os._exit(3)
            if body.get("raise"):
                raise ValueError("as asked")
            if body.get("fail"):
                failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
