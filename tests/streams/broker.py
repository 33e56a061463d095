"""A real MQTT broker (amqtt) as a process, killed and started again in the middle of a test."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from typing_extensions import Self

from tests.redis_server import free_port

CONFIG = """
listeners:
  default: {{type: tcp, bind: "127.0.0.1:{port}"}}
plugins:
  amqtt.plugins.authentication.FileAuthPlugin: {{password_file: {passwords}}}
"""


class Broker:
    """On a port that it keeps; who knows user ``camera`` with password ``swordfish`` may do everything."""

    def __init__(self, folder: Path) -> None:
        from pwdlib import PasswordHash  # what amqtt checks with

        self.port = free_port()
        self._config, self._log = folder / "broker.yaml", folder / "broker.log"
        passwords = folder / "passwords"
        passwords.write_text(f"camera:{PasswordHash.recommended().hash('swordfish')}\n")
        self._config.write_text(CONFIG.format(port=self.port, passwords=passwords))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        program = Path(sys.executable).parent / "amqtt"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([program, "-c", str(self._config)], stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                assert self._process.poll() is None, self._log.read_text()[-2000:]
                assert time.monotonic() < deadline, self._log.read_text()[-2000:]
                time.sleep(0.05)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


class Listener:
    """A subscriber of everything; ``heard`` has (topic, payload, retained)."""

    def __init__(self, port: int) -> None:
        import paho.mqtt.client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        self.heard: list[tuple[str, bytes, bool]] = []
        self.ready = False
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.username_pw_set("camera", "swordfish")
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = self._subscribed
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            (message.topic, message.payload, message.retain)
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _subscribed(self, *_: Any) -> None:
        self.ready = True

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
