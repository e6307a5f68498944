"""Gmail's REST API: reads are tried a few times, everything else exactly once."""

import asyncio
import http.client
import random
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any

import httplib2
from googleapiclient.discovery import build
from googleapiclient.errors import Error as ApiError
from googleapiclient.errors import HttpError

from channels.base import SignInNeeded, VendorAway
from channels.gmail.refusal import GmailRefused, read_refusal
from channels.gmail.sign_in import GmailSignIn
from channels.gmail.transport import REQUEST_SECONDS, NotReached, OneTimeHttp

Wait = Callable[[float], Awaitable[None]]
Users = Any  # the `users` resource, which the library makes at run time from Google's discovery document
Answer = dict[str, Any]

_READ_ATTEMPTS = 4
_LONGEST_PATIENCE = 20.0


class AnswerLost(Exception):
    """The request was sent and no answer can be read: Gmail may have done what was asked."""


class TokenRefused(Exception):
    """Gmail does not take the access token, and has done nothing; it is forgotten."""


class GmailClient:
    """Calls Gmail from threads, each call with an HTTP object of its own.

    A call is a function from the `users` resource to a request: `lambda users: users.getProfile(userId="me")`.
    """

    def __init__(
        self,
        api_url: str,
        sign_in: GmailSignIn,
        *,
        timeout: float = REQUEST_SECONDS,
        wait: Wait = asyncio.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._api_url = api_url
        self._sign_in = sign_in
        self._timeout = timeout
        self._wait = wait
        self._draw = draw

    async def read(self, make: Callable[[Users], Any]) -> Answer:
        """The answer to something that may be asked again.

        Raises GmailRefused for 400 and 404 alone, which mean something to the caller; else VendorAway or SignInNeeded.
        """
        is_new_token = False
        attempt = 0
        while True:
            try:
                return await self.call_once(make)
            except TokenRefused:
                if is_new_token:
                    raise SignInNeeded("Gmail refuses an access token that was just made") from None
                is_new_token = True
            except (GmailRefused, AnswerLost, NotReached) as error:
                await self._wait(self._plan_pause(error, attempt))
                attempt += 1

    def _plan_pause(self, error: GmailRefused | AnswerLost | NotReached, attempt: int) -> float:
        """Seconds until the question is asked again; raises where that is pointless or takes too long."""
        pause = self._draw() * 2.0**attempt
        if isinstance(error, GmailRefused):
            if error.refusal.status in {400, 404}:
                raise error
            if error.refusal.is_sign_in:
                raise SignInNeeded(str(error)) from None
            if not error.refusal.is_temporary:
                raise VendorAway(str(error)) from None
            pause = max(pause, error.refusal.retry_after or 0.0)
        if attempt + 1 >= _READ_ATTEMPTS or pause > _LONGEST_PATIENCE:
            raise VendorAway(str(error)) from None
        return pause

    async def call_once(self, make: Callable[[Users], Any]) -> Answer:
        """The answer to something that is asked once and no more.

        Raises SignInNeeded, TokenRefused, GmailRefused, NotReached or AnswerLost.
        """
        return await asyncio.to_thread(self._call, make, self._users)

    @cached_property
    def _users(self) -> Users:
        service = build(
            "gmail",
            "v1",
            http=OneTimeHttp(timeout=self._timeout),
            static_discovery=True,
            client_options={"api_endpoint": self._api_url},
        )
        return service.users()

    def _call(self, make: Callable[[Users], Any], users: Users) -> Answer:
        token = self._sign_in.read_token()
        request = make(users)
        request.headers["authorization"] = f"Bearer {token}"
        try:
            answer = request.execute(http=OneTimeHttp(timeout=self._timeout), num_retries=0)
        except HttpError as error:
            if error.resp.status == 401:
                self._sign_in.forget_token(token)
                raise TokenRefused("Gmail refused the access token") from None
            raise GmailRefused(read_refusal(error.resp.status, error.resp, error.content)) from None
        except (
            OSError,
            http.client.HTTPException,
            httplib2.HttpLib2Error,
            ApiError,
            ValueError,
            TypeError,  # the library looks for keys in whatever came with a 403
            LookupError,
            AttributeError,
        ) as error:
            raise AnswerLost(f"Gmail's answer did not come: {type(error).__name__}") from None
        if not isinstance(answer, dict):
            raise AnswerLost("Gmail's answer is not JSON")
        return answer


async def read_profile(client: GmailClient) -> Answer:
    """Whose mailbox this is, and its current history id."""
    return await client.read(lambda users: users.getProfile(userId="me"))


async def read_existing(client: GmailClient, make: Callable[[Users], Any]) -> Answer | None:
    """What is asked for, or None where it is gone. Raises VendorAway or SignInNeeded."""
    try:
        return await client.read(make)
    except GmailRefused as error:
        if error.refusal.status == 404:
            return None
        raise VendorAway(str(error)) from None
