"""Notifications, dashboards and administration, over HTTP."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from intowork.models import User, UserRole

from .web import Api, bearer

pytestmark = pytest.mark.asyncio


async def test_notifications_are_listed_read_and_deleted_by_their_owner(api: Api) -> None:
    employer, candidate = await api.employer(), await api.candidate()
    for _ in range(3):
        job = await api.open_job(employer)
        await api.http.post(f"/api/jobs/{job}/applications", json={}, headers=candidate)
    assert (await api.http.get("/api/notifications/unread-count", headers=employer)).json()["value"] == 3
    page = (await api.http.get("/api/notifications", params={"size": 2}, headers=employer)).json()
    rest = (await api.http.get("/api/notifications", params={"cursor": page["next"]}, headers=employer)).json()
    keys = [item["id"] for item in page["items"] + rest["items"]]
    assert keys == sorted(keys, reverse=True)
    assert rest["next"] is None
    newest, oldest = f"/api/notifications/{keys[0]}", f"/api/notifications/{keys[-1]}"
    for method, path in (("POST", f"{newest}/read"), ("DELETE", newest)):
        assert (await api.http.request(method, path, headers=candidate)).status_code == 404
    assert (await api.http.post(f"{newest}/read", headers=employer)).status_code == 204
    first = (await api.http.get("/api/notifications", headers=employer)).json()["items"][0]["read_at"]
    await api.http.post(f"{newest}/read", headers=employer)
    assert (await api.http.get("/api/notifications", headers=employer)).json()["items"][0]["read_at"] == first
    unread = await api.http.get("/api/notifications", params={"unread_only": True}, headers=employer)
    assert len(unread.json()["items"]) == 2
    assert (await api.http.post("/api/notifications/read-all", headers=employer)).status_code == 204
    assert (await api.http.get("/api/notifications/unread-count", headers=employer)).json()["value"] == 0
    assert (await api.http.delete(oldest, headers=employer)).status_code == 204
    assert (await api.http.delete(oldest, headers=employer)).status_code == 404


async def test_dashboards_count_what_is_ones_own(api: Api) -> None:
    employer, candidate = await api.employer(), await api.candidate()
    await api.open_job(await api.employer())
    job = await api.open_job(employer, title="Chef")
    sent = await api.http.post(f"/api/jobs/{job}/applications", json={}, headers=candidate)
    received = f"/api/received-applications/{sent.json()['id']}"
    await api.http.put(f"{received}/status", json={"status": "interview"}, headers=employer)
    numbers = (await api.http.get("/api/dashboard/employer", headers=employer)).json()
    assert (numbers["jobs"], numbers["open_jobs"], numbers["applications"], numbers["interviews"]) == (1, 1, 1, 1)
    assert numbers["last_interview_title"] == "Chef"
    mine = (await api.http.get("/api/dashboard/candidate", headers=candidate)).json()
    assert (mine["applications"], mine["interviews"], mine["open_jobs"]["value"], mine["profile_percent"]) == (
        1,
        1,
        2,
        0,
    )
    assert (await api.http.get("/api/dashboard/employer", headers=candidate)).status_code == 403
    assert (await api.http.get("/api/dashboard/candidate", headers=employer)).status_code == 403


async def test_an_administrator_counts_searches_and_shuts_out_others_but_not_himself(api: Api) -> None:
    account, target = await api.signed_up("candidate"), await api.signed_up("candidate")
    with api.rows() as session:
        session.execute(update(User).where(User.id == account["user"]["id"]).values(role=UserRole.ADMIN))
        session.commit()
    admin = bearer(account)
    job = await api.open_job(await api.employer())
    await api.http.post(f"/api/jobs/{job}/applications", json={}, headers=bearer(target))
    numbers = (await api.http.get("/api/admin/stats", headers=admin)).json()
    assert (numbers["users"], numbers["open_jobs"], numbers["applications"]) == (3, 1, 1)
    listed = await api.http.get("/api/admin/users", params={"email": target["user"]["email"].upper()}, headers=admin)
    assert [(item["id"], item["applications"]) for item in listed.json()["items"]] == [(target["user"]["id"], 1)]
    admins = (await api.http.get("/api/admin/users", params={"role": "admin"}, headers=admin)).json()["items"]
    assert [item["id"] for item in admins] == [account["user"]["id"]]
    jobs = (await api.http.get("/api/admin/jobs", headers=admin)).json()["items"]
    assert [(item["company_name"], item["applications"]) for item in jobs] == [("Acme", 1)]

    path = f"/api/admin/users/{target['user']['id']}/active"
    assert (await api.http.put(path, json={"is_active": False}, headers=admin)).status_code == 204
    assert (await api.http.get("/api/auth/me", headers=bearer(target))).status_code == 401
    own = f"/api/admin/users/{account['user']['id']}/active"
    himself = await api.http.put(own, json={"is_active": False}, headers=admin)
    assert (himself.status_code, himself.json()["type"]) == (409, "/problems/on-oneself")
    missing = await api.http.put("/api/admin/users/99999/active", json={"is_active": False}, headers=admin)
    assert missing.status_code == 404
