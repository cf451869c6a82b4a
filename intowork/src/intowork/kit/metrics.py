"""What requests cost, for Prometheus, and the page it reads."""

from __future__ import annotations

import os
import secrets

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import Scope

from intowork.database.instruments import show_pool
from intowork.kit.problems import NOT_FOUND, Problem
from intowork.kit.sessions import DatabaseOfProcess
from intowork.settings import Settings

SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time from a request to the end of its answer, by endpoint.",
    ("method", "endpoint", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

router = APIRouter(tags=["about"])


def count(scope: Scope, status: int, seconds: float) -> None:
    """Count a request; one that no endpoint took is counted as such, whatever its path: paths are anybody's.

    Args:
        scope: of the request, after it was answered.
        status: of the answer.
        seconds: that it took.
    """
    endpoint = getattr(scope.get("route"), "path", "none")
    method = scope["method"] if endpoint != "none" else "any"
    SECONDS.labels(method, endpoint, str(status)).observe(seconds)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, database: DatabaseOfProcess) -> Response:
    """Return what Prometheus reads: of all processes where there are several."""
    settings: Settings = request.app.state.settings
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    wanted = settings.metrics_token
    # Numbers say much about a business, so in production nobody reads them before somebody decided who may.
    if wanted is None and settings.is_production():
        raise Problem(NOT_FOUND)
    if wanted is not None and not secrets.compare_digest(given.encode(), wanted.get_secret_value().encode()):
        raise Problem(NOT_FOUND)
    show_pool(database.pool_statistics())
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
