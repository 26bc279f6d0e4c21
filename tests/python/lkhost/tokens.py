"""Access tokens and server calls, by hand: HS256 and JSON over HTTP need no package of their own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.request

KEY = "devkey"
SECRET = "secret"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(
    room: str,
    identity: str,
    *,
    secret: str = SECRET,
    lifetime: float = 3600,
    name: str | None = None,
    metadata: str | None = None,
    attributes: dict[str, str] | None = None,
    kind: str | None = None,
    **grants: object,
) -> str:
    """A token that lets `identity` join `room`; `grants` are video grants in the server's spelling (canPublish=False).
    `kind` is that of the participant, e.g. `agent`; by default an ordinary one."""
    now = int(time.time())
    video = {"room": room, "roomJoin": True, "canUpdateOwnMetadata": True, **grants}
    claims: dict[str, object] = {"iss": KEY, "sub": identity, "nbf": now - 5, "exp": int(now + lifetime), "video": video}
    for key, value in (("name", name), ("metadata", metadata), ("attributes", attributes), ("kind", kind)):
        if value is not None:
            claims[key] = value
    head = _b64(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    body = _b64(json.dumps(claims).encode())
    signature = hmac.new(secret.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{_b64(signature)}"


def room_service(http_url: str, method: str, room: str, **fields: object) -> dict:
    """One call of the server's RoomService (Twirp, JSON), e.g. `DeleteRoom` or `RemoveParticipant`."""
    request = urllib.request.Request(
        f"{http_url}/twirp/livekit.RoomService/{method}",
        data=json.dumps({"room": room, **fields}).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": "Bearer "
            + token(room, "admin", roomAdmin=True, roomCreate=True, roomList=True),
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"{}")
