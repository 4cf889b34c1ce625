"""How a token budget is split between a summary and messages."""

from collections.abc import Mapping

from shared.domain.summary import Summary, SummaryKind

_SUMMARY_SHARE = 0.4


def chosen_summary(summaries: Mapping[SummaryKind, Summary], tokens: int) -> Summary | None:
    """The summary that fits into its share of `tokens`: the long one if it is the longer, else the short one.

    None where nothing is left, not even for one without tokens.
    """
    if tokens <= 0:
        return None
    budget = int(_SUMMARY_SHARE * tokens)
    short, long = summaries.get("short"), summaries.get("long")
    if long is not None and long.token_count <= budget and (short is None or long.token_count > short.token_count):
        return long
    if short is not None and 0 < short.token_count <= budget:
        return short
    return None
