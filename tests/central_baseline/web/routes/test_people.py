"""Accounts, sessions, CSRF, profiles."""

import os

from tests.central_baseline.client import Client

PASSWORD = "correct horse battery"


def fresh_name() -> str:
    return f"p{os.urandom(6).hex()}"


async def test_register_log_in_log_out(shop: Client) -> None:
    credentials = {"name": fresh_name(), "password": PASSWORD}
    made = await shop.ask("POST", "/api/accounts", credentials)
    assert made.status == 201
    cookie = made.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    again = await shop.ask("POST", "/api/accounts", credentials)
    assert (again.status, again.reason) == (409, "name_taken")
    entered = await shop.ask("POST", "/api/session", credentials)
    token = entered.body["token"]
    assert entered.body["account"] == made.body["account"]
    profile = await shop.ask("GET", "/api/profile", token=token)
    assert profile.body["name"] == credentials["name"]
    assert (await shop.ask("DELETE", "/api/session", token=token)).status == 204
    assert (await shop.ask("GET", "/api/profile", token=token)).status == 401


async def test_a_wrong_password_and_a_wrong_name_are_told_alike(shop: Client) -> None:
    credentials = {"name": fresh_name(), "password": PASSWORD}
    await shop.ask("POST", "/api/accounts", credentials)
    wrong = await shop.ask(
        "POST", "/api/session", {**credentials, "password": "wrong horse"}
    )
    nobody = await shop.ask(
        "POST", "/api/session", {**credentials, "name": fresh_name()}
    )
    assert (wrong.status, wrong.body) == (401, nobody.body)


async def test_guessing_is_stopped(shop: Client) -> None:
    credentials = {"name": fresh_name(), "password": PASSWORD}
    await shop.ask("POST", "/api/accounts", credentials)
    for _ in range(5):
        guess = {**credentials, "password": "wrong horse"}
        assert (await shop.ask("POST", "/api/session", guess)).status == 401
    stopped = await shop.ask("POST", "/api/session", credentials)
    assert (stopped.status, stopped.reason) == (429, "too_many_attempts")


async def test_a_cookie_alone_changes_nothing(shop: Client) -> None:
    credentials = {"name": fresh_name(), "password": PASSWORD}
    made = (await shop.ask("POST", "/api/accounts", credentials)).body
    cookie = {"Cookie": f"session={made['token']}"}
    assert (await shop.ask("GET", "/api/profile", headers=cookie)).status == 200
    body = {"delivery": "0x0102"}
    forged = await shop.ask("PUT", "/api/profile/delivery", body, headers=cookie)
    assert (forged.status, forged.reason) == (403, "csrf_token_missing")
    guessed = {**cookie, "X-CSRF-Token": "0" * 32}
    assert (
        await shop.ask("PUT", "/api/profile/delivery", body, headers=guessed)
    ).status == 403
    ours = {**cookie, "X-CSRF-Token": made["csrf_token"]}
    done = await shop.ask("PUT", "/api/profile/delivery", body, headers=ours)
    assert (done.status, done.body) == (200, {"version": 1})


async def test_each_change_of_address_raises_the_version(shop: Client) -> None:
    token = (await shop.provision())[0]
    for version, delivery in enumerate(("0x01", "0x02"), start=1):
        reply = await shop.ask(
            "PUT", "/api/profile/delivery", {"delivery": delivery}, token
        )
        assert reply.body == {"version": version}
        seen = (await shop.ask("GET", "/api/profile", token=token)).body
        assert (seen["delivery"], seen["version"]) == (delivery, version)


async def test_nonsense_for_a_token_is_not_signed_in(shop: Client) -> None:
    for header in ("Bearer", "Bearer ", "Basic abc", "Bearer " + "x" * 65, "x"):
        reply = await shop.ask("GET", "/api/profile", headers={"Authorization": header})
        assert (reply.status, reply.reason) == (401, "not_signed_in")


async def test_weak_credentials_are_refused(shop: Client) -> None:
    for credentials in (
        {"name": "ab", "password": PASSWORD},
        {"name": "a b c", "password": PASSWORD},
        {"name": fresh_name(), "password": "short"},
        {"name": fresh_name(), "password": "x" * 129},
    ):
        assert (await shop.ask("POST", "/api/accounts", credentials)).status == 400
