"""Tools: what the model is told about them, and what it is told when a call goes wrong."""

import threading
from enum import Enum

import pytest
from pydantic import BaseModel, Field

from shared.domain.errors import IndexUnavailable
from shared.llm.types import ToolCall
from shared.reasoning.toolkit import Refused, Rephrase, ToolResult, ToolSet, clipped, parameters_of, tool
from shared.telemetry import tracing


class Colour(Enum):
    RED = "red"


class Place(BaseModel):
    """A place on the map."""

    title: str


class Paint(BaseModel):
    what: str = Field(description="What to paint.", min_length=1)
    coats: int = Field(1, ge=1, le=3)
    colour: Colour | None = None
    places: list[Place] = Field(default_factory=list[Place])


@tool(Paint)
def paint(context: list[str], args: Paint) -> ToolResult:
    """Paint something.

    In one or more coats.
    """
    match args.what:
        case "air":
            raise Rephrase("Air cannot be painted.")
        case "the sea":
            raise Refused("Nobody paints the sea.")
        case "broken":
            raise KeyError("secret content")
        case "away":
            raise IndexUnavailable
        case _:
            context.append(args.what)
            return ToolResult(f"{args.what} painted {args.coats} times")


def call(arguments: object, name: str = "paint") -> ToolCall:
    return ToolCall("c1", name, arguments)  # type: ignore[arg-type]


def tools(context: list[str] | None = None, max_output_chars: int = 1000) -> ToolSet:
    return ToolSet((paint,), [] if context is None else context, max_output_chars=max_output_chars)


def test_definition_is_made_from_the_function_and_its_arguments():
    [definition] = tools().definitions
    assert (definition.name, definition.description) == ("paint", "Paint something. In one or more coats.")


def test_parameters_hold_no_references_and_no_noise_but_keep_properties_called_title():
    assert parameters_of(Paint) == {
        "type": "object",
        "required": ["what"],
        "properties": {
            "what": {"type": "string", "description": "What to paint."},
            "coats": {"type": "integer", "maximum": 3, "default": 1},
            "colour": {"anyOf": [{"enum": ["red"], "type": "string"}, {"type": "null"}], "default": None},
            "places": {
                "type": "array",
                "items": {
                    "type": "object",
                    "description": "A place on the map.",
                    "properties": {"title": {"type": "string"}},
                    "required": ["title"],
                },
            },
        },
    }


def test_use_when_the_call_is_right_runs_the_tool_in_its_context():
    context: list[str] = []
    [used] = tools(context).use([call({"what": "a fence", "coats": "2"})])
    assert (used.is_ok, used.result.text, context) == (True, "a fence painted 2 times", ["a fence"])


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (call({"what": "x", "coats": 9}), "coats: input should be less than or equal to 3"),
        (call({}), "what: field required"),
        (call(None), "the arguments were not valid JSON"),
        (call({}, "fly"), "There is no tool of this name. Tools: paint."),
        (call({"what": "air"}), "Air cannot be painted."),
        (call({"what": "the sea"}), "Nobody paints the sea."),
        (call({"what": "away"}), "The tool cannot be reached right now."),
    ],
)
def test_use_when_the_call_goes_wrong_tells_the_model_why(asked: ToolCall, told: str):
    [used] = tools().use([asked])
    assert not used.is_ok
    assert told in used.result.text


def test_use_when_the_tool_has_a_bug_says_so_without_its_text(caplog: pytest.LogCaptureFixture):
    [used] = tools().use([call({"what": "broken"})])
    assert (used.is_ok, used.result.text) == (False, "The tool failed.")
    [logged] = caplog.records
    assert (logged.levelname, logged.getMessage()) == ("ERROR", "tool_failed")


def test_use_when_the_result_is_long_cuts_it_with_a_note():
    [used] = tools(max_output_chars=120).use([call({"what": "x" * 500})])
    assert len(used.result.text) <= 120
    assert used.result.text.endswith("Ask for less to see the rest.]")


def test_use_when_the_result_repeats_what_others_wrote_fences_it_and_cuts_whole_lines():
    @tool(Paint)
    def quote(_: None, args: Paint) -> ToolResult:
        """Quote."""
        return ToolResult("\n".join([f"line {n} </findings> <conclusions>" for n in range(100)]), is_quoted=True)

    [used] = ToolSet((quote,), None, max_output_chars=400).use([call({"what": "x"}, "quote")])
    first, *lines, note, last = used.result.text.split("\n")
    assert (first, last) == ("<findings>", "</findings>")
    assert note.startswith("[The result was longer")
    assert lines == [f"line {n} &lt;/findings> &lt;conclusions>" for n in range(len(lines))]
    assert len(lines) > 5
    assert len(used.result.text) <= 400


def test_use_runs_the_calls_of_one_turn_at_the_same_time_and_keeps_their_order():
    # Each waits for the other: one after the other, they would break the barrier.
    barrier = threading.Barrier(2, timeout=10)

    @tool(Paint)
    def meet(_: None, args: Paint) -> ToolResult:
        """Meet."""
        barrier.wait()
        return ToolResult(args.what)

    both = ToolSet((meet,), None, max_output_chars=100)
    used = both.use([call({"what": "first"}, "meet"), call({"what": "second"}, "meet")])
    assert [one.result.text for one in used] == ["first", "second"]


def test_use_in_order_ends_each_call_before_the_next_begins():
    seen: list[str] = []

    @tool(Paint)
    def note(_: None, args: Paint) -> ToolResult:
        """Note."""
        seen.append(f"{args.what} begins")
        # Time enough for another thread to come in between, were there one.
        threading.Event().wait(0.01)
        seen.append(f"{args.what} ends")
        return ToolResult(args.what)

    bench = ToolSet((note,), None, max_output_chars=100, in_order=True)
    used = bench.use([call({"what": "one"}, "note"), call({"what": "two"}, "note")])
    assert [one.result.text for one in used] == ["one", "two"]
    assert seen == ["one begins", "one ends", "two begins", "two ends"]


def test_use_when_a_turn_asks_for_very_many_calls_runs_the_first_and_answers_all():
    used = tools().use([call({"what": str(number)}) for number in range(30)])
    assert [one.is_ok for one in used] == [True] * 16 + [False] * 14


@pytest.mark.parametrize(("most", "expected"), [(11, "hello world"), (8, "hello w…"), (1, "…"), (0, "")])
def test_clipped_is_never_longer_than_asked(most: int, expected: str):
    assert clipped("hello world", most) == expected


def test_use_is_a_span_with_the_name_of_a_tool_that_there_is_and_of_no_other():
    heard: list[tracing.Span] = []

    class Ear:
        def began(self, span: tracing.Span) -> None:
            pass

        def ended(self, span: tracing.Span) -> None:
            heard.append(span)

    ear = Ear()
    tracing.listen(ear)
    try:
        tools().use([call({"what": "a wall"})])
        tools().use([call({}, "what the user said")])
    finally:
        tracing.unlisten(ear)
    assert [(span.name, span.attributes["tool"], span.attributes["is_ok"]) for span in heard] == [
        ("tool_call", "paint", True),
        ("tool_call", "(unknown)", False),
    ]
