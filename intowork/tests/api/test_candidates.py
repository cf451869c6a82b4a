from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from intowork.candidates.queries import MOST_ENTRIES
from intowork.candidates.rules import Completion, completion, end_fault, expectation_fault, month_fault
from intowork.models import Candidate, Education, Employer, Experience, Skill

from .web import Api, bearer

POSITION: dict[str, Any] = {"title": "Engineer", "company": "Acme", "start_date": "2020-01"}
DEGREE: dict[str, Any] = {"degree": "MSc", "school": "Lyon", "start_date": "2015-09", "end_date": "2017-06"}
SKILL: dict[str, Any] = {"name": "SQL", "level": 4, "category": "technical"}
ME = "/api/candidates/me"

Statements = Callable[..., AbstractContextManager[list[Any]]]


@pytest.mark.asyncio
async def test_a_profile_is_filled_step_by_step_until_nothing_is_missing(
    api: Api, pgproof_statements: Statements
) -> None:
    candidate = await api.candidate()
    empty = (await api.http.get(ME, headers=candidate)).json()
    assert (empty["first_name"], empty["experiences"], empty["skills"]) == ("Ada", [], [])
    assert (empty["completion"]["percent"], len(empty["completion"]["missing"])) == (0, 7)

    lists: list[tuple[str, list[dict[str, Any]]]] = [
        ("experiences", [POSITION, POSITION | {"title": "Lead", "start_date": "2022-03", "is_current": True}]),
        ("educations", [DEGREE]),
        ("skills", [SKILL, {"name": "French", "level": 5, "category": "language"}]),
    ]
    for path, bodies in lists:
        for body in bodies:
            with pgproof_statements(max=2):
                added = await api.http.post(f"{ME}/{path}", json=body, headers=candidate)
            assert added.status_code == 201, added.text
            assert added.json().items() >= body.items()
    texts = {
        "title": " Engineer ", "summary": "Builds.", "phone": "+33 1", "location": "Lyon", "years_experience": 0,
        "salary_expectation_min": 40_000, "salary_expectation_max": 40_000,
        "website_url": "HTTPS://ada.example", "linkedin_url": None,
    }  # fmt: skip
    changed = (await api.http.patch(ME, json=texts, headers=candidate)).json()
    assert (changed["title"], changed["website_url"]) == ("Engineer", "https://ada.example/")
    assert changed["completion"] == {"percent": 100, "missing": []}
    # Who sends it, and the profile with all of its lists.
    with pgproof_statements(max=2):
        profile = (await api.http.get(ME, headers=candidate)).json()
    assert profile == changed
    assert [(each["title"], each["is_current"]) for each in profile["experiences"]] == [
        ("Lead", True),
        ("Engineer", False),
    ]
    assert [each["name"] for each in profile["skills"]] == ["French", "SQL"]
    assert profile["educations"][0]["degree"] == "MSc"

    kept = (await api.http.patch(ME, json={"phone": None}, headers=candidate)).json()
    assert (kept["phone"], kept["summary"], kept["completion"]["missing"]) == (None, "Builds.", ["phone"])


@pytest.mark.asyncio
async def test_an_entry_is_changed_and_removed_by_whose_it_is(quick: Api) -> None:
    candidate, stranger = await quick.candidate(), await quick.candidate()
    changes: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("experiences", POSITION, {"end_date": "2021-01"}),
        ("educations", DEGREE, {"end_date": "2018-01"}),
        ("skills", SKILL, {"level": 5, "name": "sql"}),
    ]
    for path, body, change in changes:
        key = (await quick.http.post(f"{ME}/{path}", json=body, headers=candidate)).json()["id"]
        entry = f"{ME}/{path}/{key}"
        assert (await quick.http.patch(entry, json=change, headers=stranger)).status_code == 404
        assert (await quick.http.delete(entry, headers=stranger)).status_code == 404
        changed = await quick.http.patch(entry, json=change, headers=candidate)
        assert (changed.status_code, changed.json().items() >= (body | change).items()) == (200, True)
        assert (await quick.http.get(ME, headers=candidate)).json()[path] == [changed.json()]
        assert (await quick.http.delete(entry, headers=candidate)).status_code == 204
        assert (await quick.http.delete(entry, headers=candidate)).status_code == 404
        assert (await quick.http.get(ME, headers=candidate)).json()[path] == []


FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("experiences", POSITION | {"title": None}, "title"),
    ("experiences", POSITION | {"title": "\ud800"}, "title"),
    ("experiences", POSITION | {"company": "x" * 201}, "company"),
    ("experiences", POSITION | {"description": "nul\x00byte"}, "description"),
    *(
        ("experiences", POSITION | {"start_date": month}, "start_date")
        for month in ("2020", "2020-13", "2020-1", "2020-01-01", "2020-01\n", "٢٠٢٠-٠١", "0000-01", 202001, None)
    ),
    ("experiences", POSITION | {"end_date": "2019-12"}, "end_date"),
    ("experiences", POSITION | {"end_date": "2020-02", "is_current": True}, "end_date"),
    ("experiences", POSITION | {"candidate_id": 1}, "candidate_id"),
    ("educations", DEGREE | {"end_date": "2015-08"}, "end_date"),
    ("educations", DEGREE | {"end_date": None}, "end_date"),
    ("educations", {"degree": "MSc"}, "school"),
    *(("skills", SKILL | {"level": level}, "level") for level in (0, 6, -1, 2.5, "high", None)),
    ("skills", SKILL | {"category": "magic"}, "category"),
    ("skills", SKILL | {"name": " "}, "name"),
]
PROFILE_FAULTS: list[tuple[dict[str, Any], str]] = [
    *(
        ({"website_url": url}, "website_url")
        for url in (
            "javascript:alert(1)", "ftp://ada.example", "ada.example", "https://", "data:text/html,x", "//ada.example",
            "https://ada:secret@ada.example", "https://" + "a" * 600, "http://a\x00b", "",
        )
    ),
    ({"linkedin_url": "java\nscript:alert(1)"}, "linkedin_url"),
    ({"profile_picture_url": "file:///etc/passwd"}, "profile_picture_url"),
    ({"years_experience": 81}, "years_experience"),
    ({"years_experience": -1}, "years_experience"),
    ({"salary_expectation_min": 2, "salary_expectation_max": 1}, "salary_expectation_min"),
    ({"salary_expectation_max": 2**31}, "salary_expectation_max"),
    ({"summary": "x" * 20_001}, "summary"),
    ({"user_id": 1}, "user_id"),
    ({"email": "other@example.com"}, "email"),
]  # fmt: skip


@pytest.mark.asyncio
async def test_a_bad_value_is_named_and_nothing_is_stored(quick: Api) -> None:
    candidate = await quick.candidate()
    await quick.http.patch(ME, json={"salary_expectation_max": 50_000}, headers=candidate)
    before = (await quick.http.get(ME, headers=candidate)).json()
    requests: list[tuple[str, str, dict[str, Any], str]] = [
        *(("POST", f"{ME}/{path}", body, field) for path, body, field in FAULTS),
        *(("PATCH", ME, {"title": "Chef"} | body, field) for body, field in PROFILE_FAULTS),
        ("PATCH", ME, {"salary_expectation_min": 50_001}, "salary_expectation_min"),
    ]
    for method, path, body, field in requests:
        # Escaped, as httpx does not: so half a surrogate pair comes as far as the platform.
        json_headers = candidate | {"content-type": "application/json"}
        answer = await quick.http.request(method, path, content=json.dumps(body), headers=json_headers)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), body
        assert f"body.{field}" in [error["field"] for error in answer.json()["errors"]], (body, answer.text)
    assert (await quick.http.get(ME, headers=candidate)).json() == before


@pytest.mark.asyncio
async def test_a_change_is_judged_with_what_stays(quick: Api) -> None:
    candidate = await quick.candidate()
    added = await quick.http.post(f"{ME}/experiences", json=POSITION | {"end_date": "2021-01"}, headers=candidate)
    entry = f"{ME}/experiences/{added.json()['id']}"
    changes: list[tuple[dict[str, Any], int]] = [
        ({"start_date": "2021-02"}, 422), ({"is_current": True}, 422), ({"title": None}, 422), ({}, 200),
        ({"is_current": True, "end_date": None}, 200), ({"end_date": "2022-01"}, 422),
    ]  # fmt: skip
    for change, expected in changes:
        answer = await quick.http.patch(entry, json=change, headers=candidate)
        assert answer.status_code == expected, change


@pytest.mark.asyncio
async def test_a_row_of_before_the_rules_is_in_the_way_of_no_other_change(quick: Api) -> None:
    account = await quick.signed_up("candidate")
    key = account["user"]["candidate_id"]
    with quick.rows() as session:
        session.execute(update(Candidate).values(salary_expectation_min=2, salary_expectation_max=1))
        experience = Experience(candidate_id=key, **POSITION, end_date="2019-01")
        session.add(experience)
        session.commit()
    for path, field, harmless in (
        (ME, "salary_expectation_min", {"title": "Chef"}),
        (f"{ME}/experiences/{experience.id}", "end_date", {"title": "Chef"}),
    ):
        profile = await quick.http.patch(path, json=harmless, headers=bearer(account))
        assert (profile.status_code, profile.json()["title"]) == (200, "Chef")
        named = await quick.http.patch(path, json={field: profile.json()[field]}, headers=bearer(account))
        assert named.json()["errors"][0]["field"] == f"body.{field}"


@pytest.mark.asyncio
async def test_a_skill_counts_once_whatever_its_case_also_when_requests_race(quick: Api) -> None:
    candidate, other = await quick.candidate(), await quick.candidate()
    names = ["PostgreSQL", "postgresql", "POSTGRESQL", "PostgreSql"]
    answers = await asyncio.gather(
        *(quick.http.post(f"{ME}/skills", json=SKILL | {"name": name}, headers=candidate) for name in names)
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {a.json()["type"] for a in answers if a.status_code == 409} == {"/problems/skill-listed"}
    assert (await quick.http.post(f"{ME}/skills", json=SKILL, headers=candidate)).status_code == 201
    assert (await quick.http.post(f"{ME}/skills", json=SKILL, headers=other)).status_code == 201
    key = (await quick.http.get(ME, headers=other)).json()["skills"][0]["id"]
    await quick.http.post(f"{ME}/skills", json=SKILL | {"name": "French"}, headers=other)
    renamed = await quick.http.patch(f"{ME}/skills/{key}", json={"name": "french"}, headers=other)
    assert (renamed.status_code, renamed.json()["type"]) == (409, "/problems/skill-listed")
    with quick.rows() as session:
        assert session.scalar(select(func.count()).select_from(Skill)) == 4


@pytest.mark.asyncio
async def test_a_list_has_an_end(quick: Api) -> None:
    account = await quick.signed_up("candidate")
    key = account["user"]["candidate_id"]
    with quick.rows() as session:
        session.add_all(Experience(candidate_id=key, **POSITION) for _ in range(MOST_ENTRIES))
        session.add_all(Education(candidate_id=key, **DEGREE) for _ in range(MOST_ENTRIES - 1))
        session.commit()
    full = await quick.http.post(f"{ME}/experiences", json=POSITION, headers=bearer(account))
    assert (full.status_code, full.json()["type"]) == (409, "/problems/list-full")
    assert (await quick.http.post(f"{ME}/educations", json=DEGREE, headers=bearer(account))).status_code == 201


@pytest.mark.asyncio
async def test_an_employer_reads_who_applied_to_its_own_job_and_nobody_else(
    api: Api, pgproof_statements: Statements
) -> None:
    employer, competitor = await api.employer(), await api.employer()
    candidate = await api.candidate()
    await api.http.post(f"{ME}/skills", json=SKILL, headers=candidate)
    job = await api.open_job(employer)
    sent = await api.http.post(f"/api/jobs/{job}/applications", json={}, headers=candidate)
    path = f"/api/received-applications/{sent.json()['id']}/candidate"
    with pgproof_statements(max=2):
        profile = (await api.http.get(path, headers=employer)).json()
    assert (profile["first_name"], [each["name"] for each in profile["skills"]]) == ("Ada", ["SQL"])
    assert "completion" not in profile
    assert (await api.http.get(path, headers=competitor)).status_code == 404
    assert (await api.http.get(path, headers=candidate)).status_code == 403
    with api.rows() as session:
        session.execute(update(Employer).values(can_manage_candidates=False))
        session.commit()
        assert session.scalar(select(func.count()).select_from(Candidate)) == 1
    assert (await api.http.get(path, headers=employer)).status_code == 403


parts = st.fixed_dictionaries(
    {name: st.none() | st.just("") | st.just("x") for name in ("title", "summary", "phone", "location")}
    | {name: st.booleans() for name in ("has_experience", "has_education", "has_skills")}
)


@given(parts)
def test_completion_is_whole_where_nothing_is_missing_and_grows_with_each_part(filled: dict[str, Any]) -> None:
    before = completion(**filled)
    assert (before.percent == 100) is (before.missing == ())
    assert (before.percent == 0) is (len(before.missing) == 7)
    for name, part in filled.items():
        if not part:
            after = completion(**filled | {name: "x" if name in ("title", "summary", "phone", "location") else True})
            assert after.percent > before.percent
            assert len(after.missing) == len(before.missing) - 1


def test_completion_names_what_is_missing_in_the_order_of_a_profile() -> None:
    filled = completion(
        title="Chef", summary=None, phone="1", location="Lyon", has_experience=True, has_education=True,
        has_skills=False,
    )  # fmt: skip
    assert filled == Completion(71, ("summary", "skills"))


months = st.builds("{:04}-{:02}".format, st.integers(1900, 2099), st.integers(1, 12))


@given(months, months)
def test_a_period_is_right_one_way_round_only(one: str, other: str) -> None:
    assert month_fault(one) is None
    assert end_fault(one, None, is_current=True) is None
    assert end_fault(one, one, is_current=False) is None
    assert end_fault(one, other, is_current=True) is not None
    if one != other:
        assert (end_fault(one, other, is_current=False) is None) is not (
            end_fault(other, one, is_current=False) is None
        )


@given(st.none() | st.integers(0, 9), st.none() | st.integers(0, 9))
def test_an_expected_salary_is_a_range(least: int | None, most: int | None) -> None:
    wrong = least is not None and most is not None and least > most
    assert (expectation_fault(least, most) is not None) is wrong
