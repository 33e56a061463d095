"""The part that needs OpenTelemetry's SDK: spans leave in batches from a thread of their own, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.tracing.settings import TracingSettings

Attributes = Mapping[str, str | int | float | bool]

KINDS = {kind.name.lower(): kind for kind in SpanKind}
SEND_EVERY_MS = 1_000
W3C = TraceContextTextMapPropagator()


class Provider:
    """The spans of one process. Made after any fork, because it has a thread."""

    def __init__(self, settings: TracingSettings, service: str) -> None:
        resource = Resource.create({"service.name": f"visionfleet-{service}", "service.namespace": "visionfleet"})
        self._provider = TracerProvider(
            resource=resource, sampler=ParentBasedTraceIdRatio(settings.tracing_ratio), shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(endpoint=f"{settings.tracing_endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=SEND_EVERY_MS))
        self._tracer = self._provider.get_tracer("visionfleet")

    def begin(
        self, name: str, parent: str, kind: str, attributes: Attributes, start_ns: int | None
    ) -> tuple[Span, str]:
        """A span and its traceparent."""
        context = W3C.extract({"traceparent": parent} if parent else {})
        span = self._tracer.start_span(
            name,
            context,
            KINDS[kind],
            dict(attributes),
            start_time=start_ns,
        )
        carrier: dict[str, str] = {}
        W3C.inject(carrier, trace.set_span_in_context(span))
        return span, carrier.get("traceparent", parent)

    @staticmethod
    def end(span: Span, attributes: Attributes, error: str, end_ns: int | None) -> None:
        """End it."""
        for name, value in attributes.items():
            span.set_attribute(name, value)
        if error:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(end_ns)

    def stop(self) -> None:
        """Send what is left."""
        self._provider.shutdown()
