"""The web application: the API of all features on one database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel

from intowork.accounts import routes as accounts
from intowork.admin import routes as admin
from intowork.applications import routes as applications
from intowork.candidates import routes as candidates
from intowork.companies import routes as companies
from intowork.dashboard import routes as dashboard
from intowork.database.sessions import Database
from intowork.employers import routes as employers
from intowork.jobs import routes as jobs
from intowork.kit import metrics, problems
from intowork.kit.problems import KINDS, NOT_FOUND, Problem, ProblemDocument
from intowork.kit.requests import Conditional, Requests
from intowork.notifications import routes as notifications
from intowork.settings import Settings


class HealthDocument(BaseModel):
    """Whether all is well."""

    ok: bool
    reason: str


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application; it connects when its first request needs the database.

    Args:
        settings: None for those of the environment.

    Raises:
        IntoWorkError: a setting is wrong.
    """
    known = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.database = Database(known)
        try:
            yield
        finally:
            await app.state.database.dispose()

    app = FastAPI(
        title="IntoWork",
        version=version("intowork"),
        summary="A recruitment platform: jobs, candidates, applications.",
        lifespan=lifespan,
        docs_url="/api/docs",
        openapi_url="/api/openapi.json",
        redoc_url=None,
        responses={422: {"model": ProblemDocument}},
    )
    app.state.settings = known
    problems.install(app)
    for feature in (accounts, jobs, applications, candidates, companies, employers, dashboard, notifications, admin):
        app.include_router(feature.router)
    app.include_router(_about)
    app.include_router(metrics.router)
    # The last added is the first to see a request.
    app.add_middleware(Conditional)
    app.add_middleware(Requests)
    return app


_about = APIRouter(tags=["about"])


@_about.get("/health/live")
async def live() -> HealthDocument:
    """Tell that the process answers, whatever the database does."""
    return HealthDocument(ok=True, reason="the process answers")


@_about.get("/health/ready", responses={503: {"model": HealthDocument}})
async def ready(request: Request, response: Response) -> HealthDocument:
    """Tell whether requests can be served; over a connection beside the pool, which may be full and well."""
    health = await request.app.state.database.readiness()
    response.status_code = 200 if health.ok else 503
    return HealthDocument(ok=health.ok, reason=health.reason)


@_about.get("/problems/{slug}")
async def explain_problem(slug: str) -> dict[str, str | int]:
    """Explain a kind of problem: where `type` of a problem document leads."""
    kind = KINDS.get(slug)
    if kind is None:
        raise Problem(NOT_FOUND)
    return {"type": kind.type, "status": kind.status, "title": kind.title}
