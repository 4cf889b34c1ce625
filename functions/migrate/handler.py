"""Bring the database to the newest revision, as the owner of the tables: as a resource of the stack, or when invoked.

As a custom resource it answers whatever happens, because CloudFormation would wait for it long after the function has
failed. So settings are read while it runs: at the start nobody could be told that they are wrong.
"""

from dataclasses import asdict
from typing import Final, Protocol

from functions import started
from functions.migrate import custom_resource
from functions.migrate.custom_resource import Request, write
from functions.migrate.migration import migrate
from functions.migrate.reasons import CannotMigrate
from shared.telemetry.logs import logger

# What is kept of the function's time to stop what is under way, and after that to get an answer through.
_TO_ANSWER_S: Final = 30.0
_TO_END_S: Final = 5.0
# Longer it is not tried in one run: Lambda runs the event again a minute later, and then once more.
_MOST_TO_DELIVER_S: Final = 60.0
started()


class Context(Protocol):
    """What is needed of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int: ...


def lambda_handler(event: object, context: Context) -> dict[str, object]:
    """The revision the database is at now and the space its vectors go to; for CloudFormation what it was answered.

    A failure is told to CloudFormation and not raised as well: Lambda would run the event again. Only an answer that
    cannot be delivered is raised, so that the next run, which finds less to do, delivers it.
    """
    seconds = max(_left_s(context) - _TO_ANSWER_S, 1.0)
    request = custom_resource.read(event)
    if request is None:
        return asdict(migrate(seconds))
    status, body = _answered(request, seconds)
    seconds = min(_left_s(context) - _TO_END_S, _MOST_TO_DELIVER_S)
    custom_resource.deliver(body, request.answer_to, seconds=seconds)
    logger.info("custom_resource_answered", request=request.kind, status=status)
    return {"status": status}


def _answered(request: Request, seconds: float) -> tuple[str, bytes]:
    """Status and body of the answer. Never raises."""
    if request.kind == "Delete":
        # Tables go with their database, which may be gone already, or is kept on purpose.
        return "SUCCESS", write(request, "SUCCESS")
    try:
        done = migrate(seconds)
    except CannotMigrate as error:
        logger.error("database_not_migrated", cause=type(error.__cause__).__name__)
        return "FAILED", write(request, "FAILED", reason=str(error))
    except Exception as error:
        logger.exception("database_not_migrated")
        reason = f"{type(error).__name__} was not expected: the log of the function says where it came from."
        return "FAILED", write(request, "FAILED", reason=reason)
    data = {"Revision": done.revision, "Model": done.model}
    return "SUCCESS", write(request, "SUCCESS", reason=done.remark, data=data)


def _left_s(context: Context) -> float:
    return context.get_remaining_time_in_millis() / 1000
