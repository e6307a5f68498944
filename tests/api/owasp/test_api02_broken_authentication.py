"""API2:2023 Broken Authentication. Somebody makes a token up, or uses one for what it is not."""

import json
from base64 import urlsafe_b64encode
from uuid import UUID, uuid4

import httpx
import jwt

from api.tokens import _derive_key
from tests.api.people import bear, hire, open_browser
from tests.api.service import NOW, SECRET_KEY, expect_problem
from tests.api.world import World

FOREIGN = "https://evil.example.com"


async def test_a_forged_or_bent_token_is_nobodys(world: World, client: httpx.AsyncClient) -> None:
    true = world.admin["Authorization"].split()[1]
    for name, token in forge(true).items():
        answer = await client.get("/auth/me", headers=bear(token))
        assert (name, answer.status_code) == (name, 401)
    assert (await client.get("/auth/me", headers=bear(true))).status_code == 200


async def test_no_token_is_taken_from_where_it_would_be_logged_or_sent_by_other_sites(
    world: World, client: httpx.AsyncClient
) -> None:
    true = world.admin["Authorization"].split()[1]
    for name in ("token", "access_token", "api_key", "authorization"):
        expect_problem(await client.get("/users", params={name: true}), 401)
        expect_problem(await client.get("/users", headers={"Cookie": f"{name}={true}"}), 401)
    expect_problem(await client.get("/users", headers={"X-API-Key": true}), 401)


async def test_a_password_is_not_guessed(world: World) -> None:
    victim = await hire(world.service.pool, "admin")
    async with open_browser(world.service) as browser:
        answers = [await browser.try_password(victim.email, f"guess {number}") for number in range(20)]
    assert {answer.status_code for answer in answers} == {401, 429}
    assert answers[-1].status_code == 429


def forge(true: str) -> dict[str, str]:
    """Tokens that resemble the true one. Some are signed with its key, which only we could do."""
    claims = jwt.decode(true, options={"verify_signature": False})
    key_id = jwt.get_unverified_header(true)["kid"]
    key = _derive_key(SECRET_KEY, UUID(key_id))

    def sign_with(key: str, algorithm: str = "HS256", kid: object = key_id, **changed: object) -> str:
        said = {name: value for name, value in (claims | changed).items() if value is not None}
        return jwt.encode(said, key, algorithm, headers={"kid": kid})

    def paste(header: object) -> str:
        encoded = urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
        return ".".join([encoded, *true.split(".")[1:]])

    return {
        "algorithm none": paste({"alg": "none", "kid": key_id}).rpartition(".")[0] + ".",
        "signature cut off": true.rpartition(".")[0] + ".",
        "another algorithm": sign_with(key * 2, "HS512"),
        "an empty key": paste({"alg": "HS256", "kid": ""}),
        "a guessed key": sign_with("k" * 64),
        "the secret itself": sign_with(SECRET_KEY * 2),
        "a key that is none of ours": sign_with(_derive_key(SECRET_KEY, UUID(int=1)), kid=str(UUID(int=1))),
        "a path as key": sign_with(key, kid="../../../../dev/null"),
        "a statement as key": sign_with(key, kid="' UNION SELECT 'k' --"),
        "a list as key": paste({"alg": "HS256", "kid": [key_id]}),
        "another audience": sign_with(key, aud="other-api"),
        "another issuer": sign_with(key, iss="other"),
        "no end": sign_with(key, exp=None),
        "an end in the past": sign_with(key, exp=int(NOW.timestamp()) - 1),
        "another person": sign_with(key, sub=str(uuid4())),
        "another session": sign_with(key, sid=str(uuid4())),
        "a key from elsewhere": paste(
            {"alg": "HS256", "kid": key_id, "jku": FOREIGN, "jwk": {"kty": "oct", "k": "AA"}}
        ),
        "nested deeply": urlsafe_b64encode(b"[" * 1_400).decode() + ".e30.AA",
        "not a token": "a.b.c",
    }
