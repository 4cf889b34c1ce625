"""What the queue service answers when it refuses.

Class names are the shapes of the service model: boto3 picks its exception class by them (the `__type` of the
answer). `query_code` is the code of the older query protocol, which boto3 shows as `Error.Code`
(header `x-amzn-query-error`); see botocore, `handlers.py: _handle_sqs_compatible_error`.
"""

from typing import ClassVar


class SqsError(Exception):
    """The request could not be served."""

    query_code: ClassVar[str] = ""
    status: ClassVar[int] = 400

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())

    @property
    def code(self) -> str:
        """The code a boto3 caller reads in `Error.Code`."""
        return self.query_code or type(self).__name__

    @property
    def wire_type(self) -> str:
        return f"com.amazonaws.sqs#{type(self).__name__}"


class QueueDoesNotExist(SqsError):
    """The specified queue does not exist."""

    query_code = "AWS.SimpleQueueService.NonExistentQueue"


class QueueNameExists(SqsError):
    """A queue already exists with the same name and different attributes."""

    query_code = "QueueAlreadyExists"


class MissingParameter(SqsError):
    """A required parameter is missing."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"The request must contain the parameter {parameter}.")


class InvalidParameterValue(SqsError):
    """A parameter has a value that is not allowed."""

    @classmethod
    def of(cls, parameter: str, value: object, reason: str) -> "InvalidParameterValue":
        return cls(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


class InvalidAttributeName(SqsError):
    """The specified attribute does not exist."""


class InvalidAttributeValue(SqsError):
    """A queue attribute has a value that is not allowed."""


class InvalidMessageContents(SqsError):
    """Invalid characters were found in the message body."""


class EmptyBatchRequest(SqsError):
    """The batch request does not contain any entries."""

    query_code = "AWS.SimpleQueueService.EmptyBatchRequest"


class TooManyEntriesInBatchRequest(SqsError):
    """Maximum number of entries per request are 10."""

    query_code = "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"


class BatchEntryIdsNotDistinct(SqsError):
    """Two or more batch entries in the request have the same Id."""

    query_code = "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"


class InvalidBatchEntryId(SqsError):
    """A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 long."""

    query_code = "AWS.SimpleQueueService.InvalidBatchEntryId"


class BatchRequestTooLong(SqsError):
    """The length of all the messages put together is more than the limit."""

    query_code = "AWS.SimpleQueueService.BatchRequestTooLong"


class ReceiptHandleIsInvalid(SqsError):
    """The input receipt handle is invalid."""


class MessageNotInflight(SqsError):
    """The specified message isn't in flight."""

    query_code = "AWS.SimpleQueueService.MessageNotInflight"


class ResourceNotFoundException(SqsError):
    """One or more specified resources don't exist."""


class UnsupportedOperation(SqsError):
    """This operation is not supported."""

    query_code = "AWS.SimpleQueueService.UnsupportedOperation"


class SerializationException(SqsError):
    """The request could not be read as JSON of the expected shape."""


class InternalError(SqsError):
    """The request failed for a reason of the service's own."""

    status = 500
