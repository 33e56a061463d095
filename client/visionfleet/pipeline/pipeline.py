"""The pipeline itself. Names follow Roboflow's class of the same name, so that code moves over with its import."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from visionfleet.api.streams import Source
from visionfleet.client import Client
from visionfleet.errors import Conflict, InvalidRequest, VisionfleetError
from visionfleet.pipeline.backend import Backend
from visionfleet.pipeline.frames import Answered, VideoFrame
from visionfleet.pipeline.remote import Remote
from visionfleet.pipeline.watchdog import PipelineWatchdog, StatusUpdate

OnPrediction: TypeAlias = Callable[[Any, VideoFrame], Any]
OnFrame: TypeAlias = Callable[[Sequence[VideoFrame]], Sequence[Any]]
Handlers: TypeAlias = "Sequence[Callable[[StatusUpdate], Any]] | None"


class InferencePipeline:
    """Made by ``init``, ``init_with_workflow`` or ``init_with_custom_logic``; then ``start`` and ``join``."""

    def __init__(
        self,
        backend: Backend,
        on_prediction: OnPrediction | None,
        watchdog: PipelineWatchdog | None = None,
        status_update_handlers: Handlers = None,
    ) -> None:
        self._backend = backend
        self._on_prediction = on_prediction
        self.watchdog = watchdog or PipelineWatchdog()
        for handler in status_update_handlers or ():
            self.watchdog.add_handler(handler)
        self._thread: threading.Thread | None = None
        self._started = False
        self._failure: BaseException | None = None

    @classmethod
    def init(  # noqa: PLR0913 - one parameter per choice
        cls,
        video_reference: Source | list[Source],
        model_id: str,
        on_prediction: OnPrediction | None = None,
        *,
        max_fps: float | None = None,
        watchdog: PipelineWatchdog | None = None,
        status_update_handlers: Handlers = None,
        client: Client | None = None,
        native: bool = False,
        tracking: bool = False,
        **params: Any,
    ) -> InferencePipeline:
        """A model on every frame.

        Args:
            video_reference: URL, path, device number or mapping with ``reference`` and options; or a list of these.
            model_id: id or alias.
            on_prediction: called with the model's answer (a dictionary) and the VideoFrame, one after another.
            max_fps: frames per second of each source at most.
            watchdog: what to report to; ``pipeline.watchdog`` otherwise.
            status_update_handlers: called with a StatusUpdate when something happens.
            client: of the server that runs it; a new one to VISIONFLEET_URL when not given.
            native: run in this process, without a server: frames come with their pictures, paths and devices are those
                of this machine.
            tracking: give objects a ``tracker_id`` (on a server).
            **params: ``confidence``, ``iou_threshold`` and other parameters of the model.

        Raises:
            NotInstalled: ``native`` and the engine or the stream reader is not installed here.
        """
        if native:
            from visionfleet.pipeline import local  # noqa: PLC0415 - the lazy door

            backend: Backend = local.model_backend(video_reference, model_id, params, max_fps)
        else:
            what = {"model": model_id, "params": params, "max_fps": max_fps, "tracking": tracking}
            backend = Remote(client or Client(), video_reference, what)
        return cls(backend, on_prediction, watchdog, status_update_handlers)

    @classmethod
    def init_with_workflow(  # noqa: PLR0913 - one parameter per choice
        cls,
        video_reference: Source | list[Source],
        workflow_specification: Mapping[str, Any] | None = None,
        on_prediction: OnPrediction | None = None,
        *,
        workspace_name: str | None = None,
        workflow_id: str | None = None,
        image_input_name: str = "image",
        workflows_parameters: Mapping[str, Any] | None = None,
        max_fps: float | None = None,
        watchdog: PipelineWatchdog | None = None,
        status_update_handlers: Handlers = None,
        client: Client | None = None,
        native: bool = False,
    ) -> InferencePipeline:
        """A workflow on every frame. The callback gets its outputs by name. Otherwise as ``init``.

        ``native`` needs the definition; a saved workflow (``workspace_name="local"``, ``workflow_id``) is on a server.

        Raises:
            NotInstalled: ``native`` and what it needs is not installed here.
            InvalidRequest: ``native`` without a definition, or with one that is wrong.
        """
        if native:
            if workflow_specification is None:
                raise InvalidRequest("A native pipeline needs workflow_specification: saved workflows are on a server.")
            from visionfleet.pipeline import local  # noqa: PLC0415 - the lazy door

            given = (image_input_name, workflows_parameters or {})
            here = local.workflow_backend(video_reference, workflow_specification, given, max_fps)
            return cls(here, on_prediction, watchdog, status_update_handlers)
        workflow: dict[str, Any] = {"image_input_name": image_input_name}
        workflow |= {"parameters": dict(workflows_parameters or {})}
        if workflow_specification is not None:
            workflow["specification"] = dict(workflow_specification)
        else:
            workflow |= {"workspace_name": workspace_name, "workflow_id": workflow_id}
        backend = Remote(client or Client(), video_reference, {"workflow": workflow, "max_fps": max_fps})
        return cls(backend, on_prediction, watchdog, status_update_handlers)

    @classmethod
    def init_with_custom_logic(
        cls,
        video_reference: Source | list[Source],
        on_video_frame: OnFrame,
        on_prediction: OnPrediction | None = None,
        *,
        max_fps: float | None = None,
        watchdog: PipelineWatchdog | None = None,
        status_update_handlers: Handlers = None,
    ) -> InferencePipeline:
        """A function of yours on every frame, in this process.

        ``on_video_frame`` is called with a list of one VideoFrame and returns a list of one prediction, whatever that
        is; the callback gets it. It runs in a thread. Raises NotInstalled when the stream reader is not installed here.
        """
        from visionfleet.pipeline import local  # noqa: PLC0415 - the lazy door

        backend = local.function_backend(video_reference, on_video_frame, max_fps)
        return cls(backend, on_prediction, watchdog, status_update_handlers)

    def start(self, use_main_thread: bool = True) -> None:
        """Open the sources and begin. With ``use_main_thread`` callbacks run here and this returns at the end.

        Raises:
            SourceError and others: what keeps the pipeline from starting is raised here, not hidden in a thread.
            Conflict: it was started before.
        """
        if self._started:
            raise Conflict("The pipeline was started before; make a new one.")
        self._started = True
        self._backend.begin(self.watchdog)
        if use_main_thread:
            self._dispatch()
            return
        self._thread = threading.Thread(target=self._in_thread, name="pipeline", daemon=True)
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end. Raises what ended it, when that was an error."""
        if self._thread is not None:
            self._thread.join(timeout)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def terminate(self) -> None:
        """End it: sources are closed, callbacks stop. From any thread."""
        self._backend.end()

    def pause_stream(self) -> None:
        """Stop reading; cameras are closed."""
        self._backend.command("pause")

    def mute_stream(self) -> None:
        """Read on and process nothing."""
        self._backend.command("mute")

    def resume_stream(self) -> None:
        """Go on."""
        self._backend.command("resume")

    def _in_thread(self) -> None:
        try:
            self._dispatch()
        except VisionfleetError as error:
            self._failure = error

    def _dispatch(self) -> None:
        try:
            for answered in self._backend.frames():
                self.watchdog.saw(answered)
                if answered.cause:
                    self.watchdog.told("DEBUG", "FRAME_DROPPED", cause=answered.cause, frame=answered.frame.frame_id)
                elif self._on_prediction is not None:
                    self._call(answered)
        except VisionfleetError as error:
            self.watchdog.told("ERROR", "INFERENCE_ERROR", code=error.code, message=error.message)
            raise
        finally:
            self._backend.end()
            self.watchdog.told("INFO", "PIPELINE_ENDED")

    def _call(self, answered: Answered) -> None:
        """A callback that raises is told of and ends nothing."""
        assert self._on_prediction is not None  # noqa: S101 - the caller looked
        try:
            self._on_prediction(answered.predictions, answered.frame)
        except Exception as error:  # noqa: BLE001 - the user's code
            told = {"error": f"{type(error).__name__}: {error}", "frame": answered.frame.frame_id}
            self.watchdog.told("ERROR", "INFERENCE_RESULTS_DISPATCHING_ERROR", **told)
