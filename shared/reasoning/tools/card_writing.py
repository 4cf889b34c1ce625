"""The tool that rewrites a peer card."""

from typing import Annotated

from pydantic import BaseModel, Field

from shared.domain.card import MOST_CHARACTERS, MOST_LINES, CardLine, problem_of, without_repetition
from shared.reasoning.toolkit import Rephrase, ToolResult, tool
from shared.reasoning.tools.workbench import Workbench


class Line(BaseModel):
    text: str = Field(description=f"IDENTITY:, ATTRIBUTE:, RELATIONSHIP: or INSTRUCTION: …, at most {MOST_CHARACTERS}.")
    source_ids: list[str] = Field(
        default_factory=list[str], description="Ids of what it rests on; none for a line that is on the card already."
    )


class RewriteCard(BaseModel):
    lines: Annotated[list[Line], Field(description="The whole card: what is left out is gone.", min_length=1)]


@tool(RewriteCard)
def rewrite_card(bench: Workbench, args: RewriteCard) -> ToolResult:
    """Replace the card by these lines."""
    kept: list[CardLine] = []
    problems: list[str] = []
    for number, given in enumerate(args.lines, 1):
        try:
            kept.append(_line(bench, given))
        except Rephrase as problem:
            problems.append(f"Line {number}: {problem}")
    if problems:
        raise Rephrase("The card was not changed. " + " ".join(problems))
    lines = without_repetition(kept)
    bench.rewrite(lines)
    dropped = len(kept) - len(lines)
    note = f" {dropped} were repetitions, or too many: at most {MOST_LINES}." if dropped else ""
    return ToolResult(f"The card has {len(lines)} lines now.{note}")


def _line(bench: Workbench, given: Line) -> CardLine:
    text = " ".join(given.text.replace("\x00", " ").split())
    if text in bench.card.lines:
        return CardLine(text, tuple(one.id for one in bench.named(given.source_ids, least=0)))
    problem = problem_of(text)
    if problem is not None:
        raise Rephrase(f"It {problem}.")
    sources = bench.named(given.source_ids)
    return CardLine(text, tuple(one.id for one in sources))
