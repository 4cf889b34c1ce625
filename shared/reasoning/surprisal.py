"""Surprise: which conclusions lie far from everything else that is known, and are worth a look first."""

from collections.abc import Sequence

from shared.backends import Backends
from shared.domain.conclusion import Collection, Conclusion
from shared.domain.errors import IndexUnavailable
from shared.domain.vector import Vector
from shared.settings.sections import SurprisalSettings
from shared.store import conclusions, samples
from shared.telemetry.logs import logger

_MOST_SHOWN = 10


def surprising(backends: Backends, collection: Collection) -> list[Conclusion]:
    """The most surprising conclusions of the collection, the most surprising first.

    None where this is switched off, where there are too few to tell, or where the index cannot say.
    """
    settings = backends.settings.dream.surprisal
    if not settings.enabled:
        return []
    with backends.db.reading() as conn:
        sampled = samples.sample(
            conn, collection, settings.sampling_strategy, levels=settings.include_levels, most=settings.sample_size
        )
    try:
        vectors = backends.vectors.conclusion_vectors(collection.workspace, sampled)
    except IndexUnavailable:
        # A dream without this hint is still a dream.
        logger.warning("surprise_unknown", sampled=len(sampled))
        return []
    ids = _highest([one for one in sampled if one in vectors], vectors, settings)
    with backends.db.reading() as conn:
        found = conclusions.by_ids(conn, collection.workspace, ids)
    return [found[one] for one in ids if one in found]


def _highest(ids: Sequence[str], vectors: dict[str, Vector], settings: SurprisalSettings) -> list[str]:
    if len(ids) < 2 * settings.tree_k:
        return []
    scores = dict(zip(ids, scored([vectors[one] for one in ids], k=settings.tree_k), strict=True))
    count = max(1, int(len(ids) * settings.top_percent_surprisal))
    return sorted(ids, key=lambda one: (-scores[one], one))[: min(count, _MOST_SHOWN)]


def scored(vectors: Sequence[Vector], *, k: int) -> list[float]:
    """How surprising each of `vectors`, more than `k`, is among the others: from 0 to 1, all alike 0.5.

    The logarithm of the mean distance to the `k` nearest others, as nearest-neighbour estimates of density have it
    (Kozachenko and Leonenko 1987). Exact, with every distance looked at: what trees would find as well.
    """
    import numpy

    # In the precision of the product itself: rounded, equal vectors would seem to differ.
    points = numpy.asarray(vectors, dtype=numpy.float64)
    points /= numpy.maximum(numpy.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    distances = numpy.sqrt(numpy.maximum(2.0 - 2.0 * (points @ points.T), 0.0))
    numpy.fill_diagonal(distances, numpy.inf)
    nearest = numpy.partition(distances, k - 1, axis=1)[:, :k]
    surprise = numpy.log(nearest.mean(axis=1) + 1e-10)
    low, high = float(surprise.min()), float(surprise.max())
    if high - low < 1e-9:
        return [0.5] * len(vectors)
    return [float(one) for one in (surprise - low) / (high - low)]
