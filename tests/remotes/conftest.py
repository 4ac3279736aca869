"""Three remotes, one set of tests. Each server listens on loopback only and ends with the run."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from dvc.config import Config
from tracked import Tracked

LOOPBACK = "127.0.0.1"
PATIENCE_S = 30
BUCKET = "bucket"
KEYS = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing"}


@dataclass(frozen=True)
class Remote:
    """Where a project pushes to."""

    kind: str
    url: str
    options: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def add_to(self, project: Tracked) -> None:
        with Config(str(project.root / ".dvc")).edit("repo") as config:
            config["core"]["remote"] = "store"
            config["remote"]["store"] = {"url": self.url, "verify": True, **self.options}

    def path(self, md5: str) -> str:
        return f"{self.url}/files/md5/{md5[:2]}/{md5[2:]}"

    def overwrite(self, md5: str, content: bytes) -> None:
        """Put these bytes in an object's place, past DVC."""
        if self.kind == "s3":
            s3(self.options["endpointurl"]).put_object(
                Bucket=BUCKET, Key=self.path(md5).removeprefix(f"s3://{BUCKET}/"), Body=content
            )
            return
        path = Path(re.sub(r"^ssh://[^/]*", "", self.path(md5)))
        path.unlink(missing_ok=True)  # from a folder DVC has removed what was damaged
        path.write_bytes(content)


def s3(endpoint: str) -> Any:  # noqa: ANN401  boto3 makes the class at run time
    """A client with keys that mean nothing."""
    boto3: Any = import_module("boto3")  # it comes with moto, and has no types

    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **KEYS)


def free_port() -> int:
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def served(command: list[str], port: int, log: Path) -> Iterator[None]:
    """Run a server until the block ends; wait until it answers.

    Raises:
        RuntimeError: it ended, or did not answer; with what it said.
    """
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as server:
        try:
            until = time.monotonic() + PATIENCE_S
            while not answers(port):
                if server.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(log.read_text()[-500:])
                time.sleep(0.05)
            yield
        finally:
            server.terminate()
            server.wait(PATIENCE_S)


def answers(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex((LOOPBACK, port)) == 0


@pytest.fixture(scope="session")
def folder_remote(tmp_path_factory: pytest.TempPathFactory) -> Remote:
    return Remote("folder", str(tmp_path_factory.mktemp("folder") / "store"))


@pytest.fixture(scope="session")
def s3_remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    for module, name in (("dvc_s3", "dvc-s3"), ("moto", "moto[server]"), ("flask", "moto[server]")):
        if find_spec(module) is None:
            pytest.skip(f"{name} is not installed: pip install {name}")
    pages = "MOTO_S3_DEFAULT_MAX_KEYS=7"  # a listing of 1,000 takes long to make
    with serve_s3(tmp_path_factory.mktemp("s3"), pages) as remote:
        yield remote


@contextmanager
def serve_s3(home: Path, *variables: str) -> Iterator[Remote]:
    """Serve an empty bucket until the block ends; `home` has no user's real keys."""
    port = free_port()
    moto = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)]
    environment = {
        **{name.upper(): value for name, value in KEYS.items()}, "HOME": str(home),
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    with served(["env", *variables, *moto], port, home / "log"):
        endpoint = f"http://{LOOPBACK}:{port}"
        s3(endpoint).create_bucket(Bucket=BUCKET)
        yield Remote("s3", f"s3://{BUCKET}/ispy1", {"endpointurl": endpoint}, environment)


SSHD = """
Port {port}
ListenAddress {loopback}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile {folder}/pid
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
"""


@pytest.fixture(scope="session")
def ssh_remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    sshd = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if sshd is None or shutil.which("ssh-keygen") is None:
        pytest.skip("sshd is not installed: apt-get install openssh-server")
    if find_spec("dvc_ssh") is None:
        pytest.skip("dvc-ssh is not installed: pip install dvc-ssh")
    folder = tmp_path_factory.mktemp("ssh")
    for key in ("host_key", "user_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(command, check=True)
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(SSHD.format(port=port, loopback=LOOPBACK, folder=folder))
    # Root's sshd wants a folder that its service makes at start; in a container nobody does.
    private = Path("/run/sshd")
    is_ours = os.geteuid() == 0 and not private.exists()
    if is_ours:
        private.mkdir(mode=0o755)
    try:
        with served([sshd, "-D", "-e", "-f", str(config)], port, folder / "log"):
            options = {"user": getpass.getuser(), "keyfile": str(folder / "user_key")}
            url = f"ssh://{LOOPBACK}:{port}{folder}/store"
            yield Remote("ssh", url, options, {"HOME": str(folder), "SSH_AUTH_SOCK": ""})
    except RuntimeError as error:
        pytest.skip(f"sshd does not start: {error}")
    finally:
        if is_ours:
            private.rmdir()


@pytest.fixture(params=["folder", "s3", "ssh"])
def remote(request: pytest.FixtureRequest) -> Remote:
    of_kind: Remote = request.getfixturevalue(f"{request.param}_remote")
    return of_kind
