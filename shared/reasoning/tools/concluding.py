"""Tools with which a dream's specialists read a collection and conclude from it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from shared.domain.conclusion import Conclusion, Level, normal_form
from shared.domain.dream import Fault, Finding, Removal, sources_needed
from shared.reasoning.toolkit import Refused, Rephrase, ToolResult, tool
from shared.reasoning.tools.arguments import clamped
from shared.reasoning.tools.lines import conclusion_lines
from shared.reasoning.tools.workbench import Workbench
from shared.store import conclusions

Confidence = Literal["low", "medium", "high"]
Pattern = Literal["preference", "behavior", "personality", "tendency", "change"]
_Ids = Annotated[list[str], Field(description="Ids of the conclusions it rests on, as shown.", min_length=1)]
_Content = Annotated[str, Field(description="One sentence that stands alone.", min_length=1, max_length=600)]
# How many conclusions make somebody this sure: what a model says of itself is no evidence.
_SURE_FROM: tuple[tuple[int, Confidence], ...] = ((5, "high"), (3, "medium"), (2, "low"))


class FindConclusions(BaseModel):
    query: str = Field(description="What to look for, in plain words.", min_length=1)
    top_k: Annotated[int, clamped(15, 40)] = Field(15, ge=1, le=40, description="How many at most.")


@tool(FindConclusions)
def find_conclusions(bench: Workbench, args: FindConclusions) -> ToolResult:
    """Search the conclusions about the peer by meaning. What was shown already is only counted."""
    return _shown(bench, bench.recalled(args.query, args.top_k))


class ReadRecent(BaseModel):
    limit: Annotated[int, clamped(30, 100)] = Field(30, ge=1, le=100, description="How many at most.")


@tool(ReadRecent)
def read_recent(bench: Workbench, args: ReadRecent) -> ToolResult:
    """Read the newest conclusions about the peer. What was shown already is only counted."""
    with bench.backends.db.reading() as conn:
        found = conclusions.newest(conn, bench.collection, most=args.limit)
    return _shown(bench, found)


def _shown(bench: Workbench, found: Sequence[Conclusion]) -> ToolResult:
    new = [one for one in found if not bench.has_seen(one.id)]
    standing = bench.showing(new)
    limit = bench.backends.settings.llm.max_message_content_chars
    repeated = len(found) - len(new)
    parts = [conclusion_lines(standing, max_chars=limit), f"{repeated} more were shown before." if repeated else ""]
    return ToolResult("\n".join(part for part in parts if part) or "Nothing matches.", conclusions=tuple(standing))


class Deduction(BaseModel):
    content: _Content
    source_ids: _Ids


class ConcludeDeductions(BaseModel):
    deductions: Annotated[list[Deduction], Field(min_length=1, max_length=20)]


@tool(ConcludeDeductions)
def conclude_deductions(bench: Workbench, args: ConcludeDeductions) -> ToolResult:
    """Keep what follows with certainty from the conclusions named as sources."""
    return _kept(bench, [_finding(bench, one.content, "deductive", one.source_ids) for one in args.deductions])


class Contradiction(BaseModel):
    content: _Content
    source_ids: Annotated[list[str], Field(description="Ids of the conclusions that cannot all be true.")]


class NoteContradictions(BaseModel):
    contradictions: Annotated[list[Contradiction], Field(min_length=1, max_length=20)]


@tool(NoteContradictions)
def note_contradictions(bench: Workbench, args: NoteContradictions) -> ToolResult:
    """Keep that conclusions cannot all be true where time does not settle which holds. Two sources at least."""
    made = [_finding(bench, one.content, "contradiction", one.source_ids) for one in args.contradictions]
    return _kept(bench, made)


class Patterned(BaseModel):
    content: _Content
    source_ids: Annotated[list[str], Field(description="Ids of the conclusions that show it, two at least.")]
    pattern: Pattern
    confidence: Confidence = "low"


class ConcludePatterns(BaseModel):
    patterns: Annotated[list[Patterned], Field(min_length=1, max_length=20)]


@tool(ConcludePatterns)
def conclude_patterns(bench: Workbench, args: ConcludePatterns) -> ToolResult:
    """Keep what several conclusions show together and none of them says alone."""
    made: list[Finding] = []
    for one in args.patterns:
        found = _finding(bench, one.content, "inductive", one.source_ids)
        reason = f"{one.pattern}, {_least_sure(one.confidence, len(found.source_ids))} confidence"
        made.append(replace(found, reason=reason))
    return _kept(bench, made)


class Update(BaseModel):
    stale_ids: Annotated[list[str], Field(description="Ids of conclusions that no longer hold.", min_length=1)]
    newer_id: str = Field(description="Id of the later conclusion that says how it is now.")
    content: str | None = Field(None, description="What changed, as one sentence: how it is now, and what was before.")


class RecordUpdates(BaseModel):
    updates: Annotated[list[Update], Field(min_length=1, max_length=20)]


@tool(RecordUpdates)
def record_updates(bench: Workbench, args: RecordUpdates) -> ToolResult:
    """Take away what a later conclusion has overtaken, and what rests on it. The later one stays."""
    findings: list[Finding] = []
    removals: list[Removal] = []
    for one in args.updates:
        [newer] = bench.named([one.newer_id])
        stale = bench.named(one.stale_ids)
        _check_overtaken(newer, stale)
        removals += [Removal(old.id, newer.id, "overtaken by a later conclusion") for old in stale]
        if one.content is not None and one.content.strip():
            found = _finding(bench, one.content, "deductive", [newer.id])
            findings.append(replace(found, outdated=tuple(old.id for old in stale)))
    going = {one.conclusion for one in removals}
    if any(one.successor in going for one in removals):
        raise Rephrase(
            "A conclusion cannot be overtaken and overtake another in one call. Name the newest as newer_id."
        )
    bench.remove(removals)
    bench.add(findings)
    return ToolResult(f"{len(removals)} taken away.")


class DeleteConclusions(BaseModel):
    ids: Annotated[list[str], Field(description="Ids of derived conclusions.", min_length=1, max_length=20)]
    reason: Fault = Field(description="Why they go.")


@tool(DeleteConclusions)
def delete_conclusions(bench: Workbench, args: DeleteConclusions) -> ToolResult:
    """Take away derived conclusions that are wrong or say the same as another. What was stated cannot be deleted."""
    found = bench.named(args.ids)
    stated = [one.id for one in found if one.level == "explicit"]
    if stated:
        raise Refused(f"{', '.join(stated)} were stated, not derived: only a later statement can overtake them.")
    bench.remove([Removal(one.id, reason=args.reason) for one in found])
    return ToolResult(f"{len(found)} taken away.")


def _check_overtaken(newer: Conclusion, stale: Sequence[Conclusion]) -> None:
    for old in stale:
        if old.id == newer.id:
            raise Rephrase(f"{old.id} cannot overtake itself.")
        if old.occurred_at > newer.occurred_at:
            raise Rephrase(f"{newer.id} is older than {old.id} and cannot overtake it.")
        if newer.level != "explicit" and old.level == "explicit":
            raise Refused(f"{old.id} was stated: only a later statement can overtake it, and {newer.id} is derived.")


def _finding(bench: Workbench, content: str, level: Level, source_ids: Sequence[str]) -> Finding:
    """A finding with its sources checked. Raises `Rephrase` for what cannot be kept like this."""
    # Postgres stores no NUL, and models have been seen to write one.
    text = " ".join(content.replace("\x00", " ").split())
    if not text:
        raise Rephrase("A conclusion must say something.")
    sources = bench.named(source_ids, least=sources_needed(level))
    if any(normal_form(one.content) == normal_form(text) for one in sources):
        raise Rephrase("It only repeats its source. Conclude something that is not said yet, or leave it.")
    return Finding(text, level, tuple(one.id for one in sources))


def _kept(bench: Workbench, findings: Sequence[Finding]) -> ToolResult:
    fresh = [one for one in findings if not bench.repeats(one.content, one.level)]
    kept = bench.add(fresh)
    known = len(findings) - kept
    return ToolResult(f"{kept} kept." + (f" {known} were known already." if known else ""))


def _least_sure(claimed: Confidence, sources: int) -> Confidence:
    """As sure as is claimed, but no surer than so many sources allow."""
    is_reached = False
    for least, sure in _SURE_FROM:
        is_reached = is_reached or sure == claimed
        if is_reached and sources >= least:
            return sure
    return "low"
