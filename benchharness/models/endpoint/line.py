"""The line to a service: one JSON question and its answer, tried again where that may help."""

from __future__ import annotations

import json
import threading
import time
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchharness.errors import ModelError
from benchharness.models.endpoint.address import Address, shown
from benchharness.models.endpoint.options import EndpointOptions
from benchharness.models.endpoint.patience import Pace, Patience, Stopped, retry_after_s
from benchharness.models.endpoint.secrecy import key_of
from benchharness.redaction import redacted

if TYPE_CHECKING:
    import httpx2

LARGEST_ANSWER = 1 << 30  # bytes; a service that writes on and on is ended
_CONNECT_SECONDS = 10.0
# Another request would be answered alike: key, account, address.
_FINAL = {401, 402, 403, 404, 405, 410, 501}
_MOMENT = {408, 409, 424, 425, 429}  # 424 is TEI's word for a backend that failed
_TOO_MUCH = {400, 413, 422}
_ACCOUNT = {"insufficient_quota", "billing_hard_limit_reached", "invalid_api_key"}
_RESUME = "then type the same command again: finished batches are kept in the cache"


class TooMuch(Exception):
    """The service refuses these texts: too many, too long, or one that it cannot read."""


class Moment(Exception):
    """No answer for now; `asked_s` is how long the service wants to be left alone."""

    def __init__(self, words: str, asked_s: float | None = None) -> None:
        super().__init__(words)
        self.asked_s = asked_s


class Line:
    """Questions to one service, from any thread; the first one opens the connection."""

    def __init__(self, address: Address, options: EndpointOptions, patience: Patience) -> None:
        self.address = address
        self.patience = patience
        self._options = options
        self._pace = Pace(options.rate)
        self._mutex = threading.Lock()
        self._client: httpx2.Client | None = None
        self._key = ""

    def __repr__(self) -> str:
        return f"Line({str(self.address)!r})"

    def ask(
        self,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        stop: threading.Event | None = None,
        patience: Patience | None = None,
    ) -> Any:
        """The JSON that answers a POST of `body`, or a GET without one.

        Raises TooMuch where the service refuses the texts, Stopped once `stop` is set, and
        ModelError where no answer is to be had.
        """
        stop, patience = stop or threading.Event(), patience or self.patience
        for failures in range(1, patience.tries + 1):
            self._pace.wait(stop)
            try:
                return self._once(path, body)
            except Moment as moment:
                self._pause(moment, failures, patience, stop)
        raise AssertionError("the last failure is raised")  # pragma: no cover

    def _pause(
        self, moment: Moment, failures: int, patience: Patience, stop: threading.Event
    ) -> None:
        """Waits before the next try. Raises ModelError after the last one."""
        if failures == patience.tries:
            raise self.error(
                f"no answer in {failures} tries: {moment}",
                f"check that the service runs, {_RESUME}",
            )
        if moment.asked_s is not None and moment.asked_s > patience.obeyed_s:
            raise self.error(
                f"the service asks to wait {moment.asked_s:.0f} seconds: {moment}",
                f"wait, {_RESUME}",
            )
        pause = patience.pause_s(failures, moment.asked_s)
        if moment.asked_s is not None:
            self._pace.hold(pause)
        elif stop.wait(pause):
            raise Stopped

    def _once(self, path: str, body: Mapping[str, object] | None) -> Any:
        import httpx2

        client = self._opened()
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        deadline = time.monotonic() + self._options.timeout_s
        try:
            with client.stream(
                "GET" if data is None else "POST", self.address.join(path), content=data
            ) as response:
                answer = bytearray()
                for piece in response.iter_bytes():
                    answer += piece
                    if len(answer) > LARGEST_ANSWER:
                        raise self.error("the answer has more than 1 GiB", "lower @batch_size")
                    if time.monotonic() > deadline:
                        raise Moment(f"not finished after {self._options.timeout_s:g} seconds")
        except httpx2.TimeoutException:
            raise Moment(f"nothing for {self._options.timeout_s:g} seconds") from None
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            words = str(error) or type(error).__name__
            raise Moment(redacted(f"the connection failed: {words}", [self._key])) from None
        if not response.is_success:
            raise self._refusal(response, bytes(answer))
        return self._parsed(bytes(answer))

    def _parsed(self, answer: bytes) -> Any:
        try:
            return json.loads(answer)
        except ValueError:
            if answer.lstrip()[:1] == b"<":
                raise self.error(
                    "a web page came in place of JSON",
                    "check the URL: for OpenAI's API it ends in /v1, for TEI there is no path",
                ) from None
            raise Moment(f"the answer of {len(answer)} bytes is no whole JSON") from None

    def _refusal(self, response: httpx2.Response, answer: bytes) -> Exception:
        """What an answer with this status means."""
        status = response.status_code
        code, words = _told(answer)
        words = redacted(f"{status} {words}".strip(), [self._key])
        if 300 <= status < 400:
            place = shown(response.headers.get("location", ""))
            return self.error(f"the service sends elsewhere: {place}", "name that URL in the spec")
        if code in _ACCOUNT or status in _FINAL:
            return self.error(f"the service refuses: {words}", self._remedy(status, code))
        if status in _MOMENT or status >= 500:
            return Moment(words, retry_after_s(response.headers, time.time()))
        if status in _TOO_MUCH:
            return TooMuch(words)
        return self.error(f"the service refuses: {words}", "see what it says")

    def _remedy(self, status: int, code: str) -> str:
        variable = self._options.key_env
        if status == 401 or code == "invalid_api_key":
            if not variable:
                return "name the variable that holds the key: @key_env=NAME_OF_THE_VARIABLE"
            return f"set {variable} to a valid key of this service, or name another with @key_env="
        if status in (404, 405, 410, 501):
            return "check the name of the model, and the URL of the service"
        if status == 403:
            return f"ask the service for access, or use the key of another variable, {_RESUME}"
        return f"add credit or raise the limit at the service, {_RESUME}"

    def error(self, message: str, remedy: str) -> ModelError:
        """The ModelError of this service; its URL holds no secret, see `address`."""
        return ModelError(message, where=str(self.address), remedy=remedy)

    def _opened(self) -> httpx2.Client:
        """The client, made on first use. Raises ModelError."""
        with self._mutex:
            if self._client is None:
                self._key = key_of(self.address, self._options.key_env)
                self._client = _client(self.address, self._options, self._key)
                weakref.finalize(self, self._client.close)
            return self._client


def _client(address: Address, options: EndpointOptions, key: str) -> httpx2.Client:
    import httpx2

    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return httpx2.Client(
        headers=headers,
        timeout=httpx2.Timeout(options.timeout_s, connect=min(_CONNECT_SECONDS, options.timeout_s)),
        limits=httpx2.Limits(max_connections=options.concurrency),
        # A key goes where it was meant to go.
        follow_redirects=False,
        # No proxy stands between this machine and itself.
        trust_env=not address.is_loopback,
    )


def _told(answer: bytes) -> tuple[str, str]:
    """(code, words) of an error as the services write it; the text itself where it is another."""
    text = answer[:4000].decode("utf-8", "replace").strip()
    try:
        found = json.loads(answer)
    except ValueError:
        return "", "(a web page)" if text.startswith("<") else text
    error = found.get("error", found) if isinstance(found, dict) else found
    if not isinstance(error, dict):
        return "", str(error)
    codes = [str(error.get(name)) for name in ("code", "type")]
    code = next((one for one in codes if one in _ACCOUNT), "")
    words = next((error[name] for name in ("message", "detail") if error.get(name)), text)
    return code, words if isinstance(words, str) else json.dumps(words)
