from __future__ import annotations

import asyncio

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from intowork.app import create_app
from intowork.settings import Settings

from .web import Api, running

pytestmark = pytest.mark.asyncio


async def test_an_answer_that_is_known_is_not_sent_again(quick: Api) -> None:
    first = await quick.http.get("/api/jobs")
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = await quick.http.get("/api/jobs", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    await quick.open_job(await quick.employer())
    changed = await quick.http.get("/api/jobs", headers={"If-None-Match": tag})
    assert (changed.status_code, len(changed.json()["items"])) == (200, 1)


async def test_each_request_has_an_id_which_its_problem_names(quick: Api) -> None:
    given = await quick.http.get("/api/jobs/0", headers={"X-Request-ID": "trace-7"})
    assert given.headers["x-request-id"] == given.json()["request_id"] == "trace-7"
    for odd in ("a b", "x" * 65, "<script>"):
        made = (await quick.http.get("/api/jobs", headers={"X-Request-ID": odd})).headers["x-request-id"]
        assert len(made) == 32


async def test_a_broken_request_is_answered_with_a_problem_document(quick: Api) -> None:
    headers = {"content-type": "application/json"}
    broken = await quick.http.post("/api/auth/sign-in", content=b'{"email": ', headers=headers)
    latin = await quick.http.post("/api/auth/sign-in", content=b'{"email": "\xff"}', headers=headers)
    form = await quick.http.post("/api/auth/sign-in", content=b"{}", headers={"content-type": "text/plain"})
    large = await quick.http.post("/api/auth/sign-in", content=b" " * 2**21, headers=headers)

    async def chunks() -> object:
        for _ in range(40):
            yield b" " * 2**16

    endless = await quick.http.post("/api/auth/sign-in", content=chunks(), headers=headers)  # type: ignore[arg-type]
    missing = await quick.http.get("/api/nothing")
    method = await quick.http.delete("/api/jobs")
    cursor = await quick.http.get("/api/jobs", params={"cursor": "broken"})
    answers = (broken, latin, form, large, endless, missing, method, cursor)
    assert [answer.status_code for answer in answers] == [400, 400, 415, 413, 413, 404, 405, 400]
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert method.headers["allow"]
    for answer in answers:
        explained = await quick.http.get(answer.json()["type"])
        assert explained.json()["title"] == answer.json()["title"]


async def test_a_failure_of_ours_says_nothing_of_its_inside(quick: Api) -> None:
    with quick.rows() as session:
        session.execute(text("ALTER TABLE jobs RENAME COLUMN title TO heading"))
        session.commit()
    answer = await quick.http.get("/api/jobs")
    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/internal"
    assert "heading" not in answer.text
    assert "SELECT" not in answer.text


async def test_a_full_pool_is_answered_503_and_the_process_is_alive_and_ready(embedded_head: str) -> None:
    settings = {"pool_size": 1, "max_overflow": 0, "max_waiting": 1, "pool_timeout": 0.2}
    async with running(embedded_head, **settings) as api:
        with api.rows() as session:
            session.execute(text("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"))
            waiting = [asyncio.ensure_future(api.http.get("/api/jobs")) for _ in range(3)]
            refused = [answer for answer in await asyncio.gather(*waiting[1:]) if answer.status_code == 503]
            assert refused
            assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
            assert {answer.json()["type"] for answer in refused} == {"/problems/busy"}
            assert (await api.http.get("/health/live")).status_code == 200
            assert (await api.http.get("/health/ready")).json()["ok"] is True
        assert (await waiting[0]).status_code == 200
        assert (await api.http.get("/api/jobs")).status_code == 200


async def test_a_statement_over_its_limit_is_answered_504(embedded_head: str) -> None:
    async with running(embedded_head, statement_timeout=300, lock_timeout=60_000) as api:
        with api.rows() as session:
            session.execute(text("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"))
            answer = await api.http.get("/api/jobs")
        assert (answer.status_code, answer.json()["type"]) == (504, "/problems/too-slow")
        assert (await api.http.get("/api/jobs")).status_code == 200


async def test_a_server_that_is_gone_is_answered_503() -> None:
    app = create_app(Settings(database_url="postgresql://nobody@127.0.0.1:1/none"))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        answer = await http.get("/api/jobs")
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
        assert (await http.get("/health/ready")).status_code == 503
        assert (await http.get("/health/live")).status_code == 200


async def test_openapi_says_how_each_endpoint_fails(quick: Api) -> None:
    schema = (await quick.http.get("/api/openapi.json")).json()
    apply = schema["paths"]["/api/jobs/{job_id}/applications"]["post"]["responses"]
    assert {"201", "401", "403", "404", "409", "422"} <= apply.keys()
    assert "application/problem+json" in apply["409"]["content"]
    assert "ProblemDocument" in schema["components"]["schemas"]


async def test_metrics_tell_of_requests_statements_and_the_pool_to_who_may_read_them(embedded_head: str) -> None:
    async with running(embedded_head, metrics_token="of the monitoring") as api:
        await api.http.get("/api/jobs")
        await api.http.get("/api/jobs/7")
        await api.http.get("/api/anything")
        assert (await api.http.get("/metrics")).status_code == 404
        told = (await api.http.get("/metrics", headers={"Authorization": "Bearer of the monitoring"})).text
    for line in (
        'http_request_duration_seconds_count{endpoint="/api/jobs/{job_id}",method="GET",status="404"}',
        'http_request_duration_seconds_count{endpoint="none",method="any",status="404"}',
        'db_query_duration_seconds_count{statement="select"}',
        'db_pool_connections{state="checked_out"} 0.0',
        'db_pool_connections{state="size"} 5.0',
    ):
        assert line in told
    assert "/api/anything" not in told


async def test_a_slow_statement_is_logged_with_the_line_that_sent_it(
    embedded_head: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(embedded_head, slow_statement_ms=1, lock_timeout=60_000) as api:
        with api.rows() as session:
            session.execute(text("LOCK TABLE companies IN ACCESS EXCLUSIVE MODE"))
            asking = asyncio.ensure_future(api.http.get("/api/jobs/1"))
            while not asking.done() and not _waits(session):
                await asyncio.wait((asking,), timeout=0.01)
        await asking
    [logged] = [line for line in capsys.readouterr().out.splitlines() if "slow statement" in line]
    assert "intowork/jobs/routes.py" in logged
    assert "get_job" in logged
    assert "FROM jobs" in logged


def _waits(session: Session) -> bool:
    session.execute(text("SELECT pg_stat_clear_snapshot()"))
    return bool(session.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")))
