"""How a suite is reached: its address, its token, TLS. What is not given is found as the command line finds it."""

import json
import os
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc

from .errors import AssayError


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What `connect` takes."""

    address: str = ""
    """Of the suite's controller, `host:port`. Empty: of the one suite of this user that runs on this host."""
    token: str = ""
    """Empty: as `token_file` has it, else $ASSAY_TOKEN, else the file that `assay serve` wrote on this host, if any."""
    token_file: str | Path = ""
    ca_file: str | Path = ""
    """PEM of the authority of the suite's certificates. With this, `cert_file` or `is_tls` it is spoken to by TLS."""
    cert_file: str | Path = ""
    key_file: str | Path = ""
    server_name: str = ""
    """The name that the suite's certificate has, if it is not the address dialled."""
    is_tls: bool = False
    allow_plaintext: bool = False
    """Permits that the token goes in clear to another host, which is refused otherwise."""

    def check(self, address: str) -> None:
        host = address.rpartition(":")[0].strip("[]")
        is_here = host == "localhost" or host == "::1" or host.startswith("127.")
        if not is_here and not self.allow_plaintext and self.credentials() is None and self.metadata():
            raise AssayError("failed_precondition", f"sending a token to {address} in clear: it is another host, use TLS")

    def options(self) -> list[tuple[str, Any]]:
        names = [("grpc.ssl_target_name_override", self.server_name)] if self.server_name else []
        limits = [("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_timeout_ms", 5_000)]
        return [*names, *limits, ("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", 16 << 20)]

    def credentials(self) -> grpc.ChannelCredentials | None:
        files = (self.ca_file, self.key_file, self.cert_file)
        pems = [Path(path).read_bytes() if path else None for path in files]
        return grpc.ssl_channel_credentials(*pems) if self.is_tls or any(files) else None

    def metadata(self) -> tuple[tuple[str, str], ...]:
        own = own_folder() / "token"
        token = self.token or (Path(self.token_file).read_text() if self.token_file else os.environ.get("ASSAY_TOKEN", ""))
        token = (token or (_own_text(own) if own.is_file() else "")).strip()
        return (("authorization", f"Bearer {token}"),) if token else ()


def own_folder() -> Path:
    """Where a user's suites leave their files."""
    return Path(os.environ.get("XDG_RUNTIME_DIR") or Path.home() / ".cache") / "assay"


def found(reach: Reach) -> Reach:
    """The same with an address. Raises `not_found` where no suite of this user runs, `failed_precondition` where several do."""
    if reach.address:
        return reach
    suites = [suite for suite in map(_listed, (own_folder() / "suites").glob("*.json")) if suite]
    if not suites:
        raise AssayError("not_found", f"no suite of yours runs on this host (looked in {own_folder()})")
    if len(suites) > 1:
        addresses = ", ".join(sorted(suite["address"] for suite in suites))
        raise AssayError("failed_precondition", f"{len(suites)} suites run on this host, name one of them: {addresses}")
    names = {"address": "address", "token": "token", "tokenFile": "token_file", "isTls": "is_tls", "tlsCa": "ca_file"}
    return replace(reach, **{ours: getattr(reach, ours) or suites[0].get(theirs, "") for theirs, ours in names.items()})


def _listed(path: Path) -> dict[str, Any]:
    """Empty: its process is gone, or is of another host."""
    suite: dict[str, Any] = json.loads(_own_text(path))
    process = suite["process"]
    try:
        ticks = Path(f"/proc/{process['pid']}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return {}
    return suite if (process["host"], process["startTicks"]) == (platform.node(), ticks) else {}


def _own_text(path: Path) -> str:
    if path.stat().st_mode & 0o077:
        raise AssayError("invalid_argument", f"{path} is open to others: chmod 600 it")
    return path.read_text()
