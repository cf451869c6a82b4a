from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select, update

from intowork.models import Session, User

from .web import PASSWORD, Api, bearer

pytestmark = pytest.mark.asyncio

ADA: dict[str, Any] = {
    "email": "Ada@Example.com", "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace", "role": "candidate",
}  # fmt: skip


async def test_sign_up_in_and_out(api: Api) -> None:
    signed_up = await api.http.post("/api/auth/sign-up", json=ADA)
    assert (signed_up.status_code, signed_up.json()["user"]["email"]) == (201, "ada@example.com")
    assert signed_up.json()["user"]["candidate_id"] is not None
    cookie = signed_up.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert (await api.http.get("/api/auth/me")).json()["first_name"] == "Ada"

    api.http.cookies.clear()
    signed_in = await api.http.post("/api/auth/sign-in", json={"email": "ADA@example.com", "password": PASSWORD})
    assert signed_in.status_code == 200
    assert len((await api.http.get("/api/auth/sessions")).json()) == 2
    # The cookie alone changes nothing: the page has to show that it is ours.
    without = await api.http.post("/api/auth/sign-out")
    assert (without.status_code, without.json()["type"]) == (403, "/problems/bad-csrf-token")
    signed_out = await api.http.post("/api/auth/sign-out", headers={"X-CSRF-Token": signed_in.json()["csrf_token"]})
    assert signed_out.status_code == 204
    assert (await api.http.get("/api/auth/me")).status_code == 401
    # The session is over, not just the cookie gone.
    assert (await api.http.get("/api/auth/me", headers=bearer(signed_in.json()))).status_code == 401
    assert (await api.http.get("/api/auth/me", headers=bearer(signed_up.json()))).status_code == 200


async def test_nothing_that_is_stored_signs_anybody_in(quick: Api) -> None:
    account = await quick.signed_up("candidate")
    with quick.rows() as session:
        token = session.scalars(select(Session.session_token)).one()
        hashed = session.scalars(select(User.password_hash)).one()
    assert account["token"] not in token
    assert hashed is not None
    assert hashed.startswith("$argon2id$")
    assert (await quick.http.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})).status_code == 401


async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(quick: Api) -> None:
    await quick.http.post("/api/auth/sign-up", json=ADA)
    for email in ("ada@example.com", "nobody@example.com"):
        answer = await quick.http.post("/api/auth/sign-in", json={"email": email, "password": "wrong horse sings"})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert {key: value for key, value in answer.json().items() if key != "request_id"} == {
            "type": "/problems/bad-credentials",
            "title": "Address or password is wrong",
            "status": 401,
        }


async def test_one_address_gets_one_account_also_when_requests_race(api: Api) -> None:
    answers = await asyncio.gather(*(api.http.post("/api/auth/sign-up", json=ADA) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    with api.rows() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"password": "short"}, "at least 12"),
    ({"password": "aaaaaaaaaaaaaaaa"}, "different characters"),
    ({"password": "password1234"}, "common"),
    ({"email": "horse.rider@example.com", "password": "horse.rider1"}, "e-mail"),
    ({"password": "x" * 129}, "128"),
    ({"email": "no address"}, "email"),
    ({"email": "ada@example.com\x00"}, "email"),
    ({"role": "admin"}, "candidate"),
    ({"first_name": ""}, "at least 1"),
    ({"is_admin": True}, "not permitted"),
]


async def test_what_is_no_account_is_refused_and_named(quick: Api) -> None:
    for body, fault in FAULTS:
        answer = await quick.http.post("/api/auth/sign-up", json=ADA | body)
        assert answer.status_code == 422
        assert fault in str(answer.json()["errors"])
        assert str(body.get("password", PASSWORD)) not in answer.text
    with quick.rows() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 0


async def test_an_account_that_is_not_active_neither_signs_in_nor_stays_signed_in(quick: Api) -> None:
    account = await quick.signed_up("candidate")
    with quick.rows() as session:
        session.execute(update(User).values(is_active=False))
        session.commit()
    assert (await quick.http.get("/api/auth/me", headers=bearer(account))).status_code == 401
    email = account["user"]["email"]
    answer = await quick.http.post("/api/auth/sign-in", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 403


async def test_sessions_are_ended_by_who_has_them_and_by_nobody_else(quick: Api) -> None:
    account, stranger = await quick.signed_up("candidate"), await quick.candidate()
    email = account["user"]["email"]
    again = (await quick.http.post("/api/auth/sign-in", json={"email": email, "password": PASSWORD})).json()
    quick.http.cookies.clear()
    newest, oldest = (await quick.http.get("/api/auth/sessions", headers=bearer(again))).json()
    assert (newest["is_current"], oldest["is_current"]) == (True, False)
    assert (await quick.http.delete(f"/api/auth/sessions/{oldest['id']}", headers=stranger)).status_code == 404
    assert (await quick.http.get("/api/auth/me", headers=bearer(account))).status_code == 200
    assert (await quick.http.delete(f"/api/auth/sessions/{oldest['id']}", headers=bearer(again))).status_code == 204
    assert (await quick.http.get("/api/auth/me", headers=bearer(account))).status_code == 401
    assert (await quick.http.delete("/api/auth/sessions", headers=bearer(again))).status_code == 204
    assert (await quick.http.get("/api/auth/me", headers=bearer(again))).status_code == 200


async def test_a_made_up_token_signs_nobody_in(quick: Api) -> None:
    for token in ("", "x", "\xfc", "%00", "a" * 5000):
        for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"intowork-session={token}"}):
            encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            assert (await quick.http.get("/api/auth/me", headers=encoded)).status_code == 401
