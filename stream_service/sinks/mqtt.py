"""Results to an MQTT broker: one topic per source, and a retained ``status`` topic that says whether we are there."""

from __future__ import annotations

import asyncio
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import Field, SecretStr
from typing_extensions import override

from shared.errors import SinkUnavailable
from stream_service.answers import Gate, GateOptions, to_json
from stream_service.destinations import resolve
from stream_service.frame import FrameResult
from stream_service.sink import Sink

KEEP_ALIVE_S = 30
CLOSE_S = 2.0


class MqttOptions(GateOptions):
    """Broker and topics."""

    host: str = Field(max_length=253, description="The broker.")
    port: int = Field(default=1883, ge=1, le=65_535, description="Port of the broker.")
    topic: str = Field(
        default="visionfleet/{pipeline}/{source}",
        max_length=500,
        pattern=r"^[^#+\x00]+$",
        description="`{pipeline}` and `{source}` are filled in.",
    )
    qos: int = Field(default=0, ge=0, le=1, description="1 asks the broker to confirm; results wait while it is away.")
    retain: bool = Field(default=False, description="The broker keeps the last result for who subscribes later.")
    username: str = Field(default="", max_length=256, description="User name; empty logs nobody in.")
    password: SecretStr = Field(default=SecretStr(""), max_length=1024, description="Password of the user.")
    tls: bool = Field(default=False, description="Encrypt, and check the broker's certificate.")
    backlog: int = Field(default=1000, ge=1, le=10_000, description="Results kept while it is away (QoS 1).")


class MqttSink(Sink):
    """The library's own thread keeps the connection and reconnects with growing delays."""

    NAME = "mqtt"
    Options = MqttOptions
    _client: mqtt.Client | None = None

    @override
    async def open(self) -> None:
        options = self.options
        self._gate = Gate(options)
        address, port = await resolve(options.host, options.port, self.context.settings)
        name = f"visionfleet-{self.context.pipeline_id[:16]}-{self.context.name}"
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name[:64])
        client.max_queued_messages_set(options.backlog)
        client.reconnect_delay_set(1, 30)
        client.will_set(self._topic("status"), "offline", qos=1, retain=True)
        client.on_connect = self._connected
        if options.username:
            client.username_pw_set(options.username, options.password.get_secret_value())
        if options.tls:
            client.tls_set()
        # A certificate is checked against the name; without one the address that was judged is used.
        client.connect_async(options.host if options.tls else address, port, KEEP_ALIVE_S)
        client.loop_start()
        self._client = client

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            client.publish(self._topic("status"), "online", qos=1, retain=True)

    @override
    async def write(self, result: FrameResult) -> None:
        if self._client is None or not self._gate.passes(result):
            return
        # Before the broker has let us in, the library takes an unconfirmed message and may lose it.
        if self.options.qos == 0 and not self._client.is_connected():
            raise SinkUnavailable("There is no connection to the MQTT broker; the result is lost.")
        topic = self._topic(result.frame.source_id)
        sent = self._client.publish(topic, to_json(result.to_dict()), self.options.qos, self.options.retain)
        if sent.rc == mqtt.MQTT_ERR_QUEUE_SIZE:
            raise SinkUnavailable("The MQTT broker does not answer and the backlog is full; results are lost.")

    @override
    async def close(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        if client.is_connected():
            said = client.publish(self._topic("status"), "offline", qos=1, retain=True)
            await asyncio.to_thread(said.wait_for_publish, CLOSE_S)
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)

    def _topic(self, source: str) -> str:
        cleaned = source.replace("+", "_").replace("#", "_")
        return str(self.options.topic).replace("{pipeline}", self.context.pipeline_id).replace("{source}", cleaned)


SINK = MqttSink
