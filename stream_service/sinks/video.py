"""Annotated video of each source, in segments."""

from __future__ import annotations

import asyncio

from pydantic import Field
from typing_extensions import override

from shared.drawing.annotate import Style, annotate
from stream_service.answers import answer_of
from stream_service.drawing import reduced
from stream_service.film import Film
from stream_service.frame import FrameResult
from stream_service.output import output_of, safe, stamp
from stream_service.sink import Sink, SinkOptions


class VideoOptions(SinkOptions):
    """How it looks, and how much is kept."""

    annotated: bool = Field(default=True, description="Draw what was found.")
    labels: bool = Field(default=True, description="Draw class names too.")
    width: int = Field(default=1280, ge=64, le=3840, description="Longer side in pixels at most.")
    crf: int = Field(default=26, ge=15, le=40, description="Quality of H.264: lower is better and larger.")
    segment_s: float = Field(default=60.0, ge=1, le=86_400, description="Seconds after which a new file is begun.")
    max_mb: int = Field(default=2_000, ge=1, description="Megabytes kept; the oldest files go first.")
    output: str = Field(default="", max_length=200, description="The workflow output that is drawn.")


class VideoSink(Sink):
    """Frames without a result are recorded too, unannotated: a film has no holes that the model made."""

    NAME = "video"
    Options = VideoOptions
    queue = 8

    @override
    async def open(self) -> None:
        self._films: dict[str, Film] = {}
        self._output = output_of(self.context, self.options.max_mb)
        await asyncio.to_thread(self._output.open)

    @override
    async def write(self, result: FrameResult) -> None:
        await asyncio.to_thread(self._add, result)

    def _add(self, result: FrameResult) -> None:
        options, frame = self.options, result.frame
        image = reduced(frame.picture, options.width)
        answer = answer_of(result, options.output) if options.annotated else {}
        if answer.get("predictions"):
            image = annotate(image, answer, Style(labels=options.labels))
        # A file's frames may come faster than they were taken; its own clock is the right one.
        seconds = frame.captured_at if self.context.live or frame.pts_s is None else frame.pts_s
        self._film(result, (image.shape[1], image.shape[0]), seconds).add(image, seconds)

    def _film(self, result: FrameResult, size: tuple[int, int], seconds: float) -> Film:
        """The film to go on with; a new one after ``segment_s``, a change of size or a step back in time."""
        source = result.frame.source_id
        film = self._films.get(source)
        if film is not None:
            passed = seconds - (film.began if film.began is not None else seconds)
            if film.size == size and 0 <= passed < self.options.segment_s:
                return film
            self._films.pop(source).close()
        path = self._output.path(f"{stamp(result.frame.captured_at)}-{safe(source)}", ".mp4")
        self._films[source] = film = Film(path, size, self.options.crf)
        self._output.prune(keep=[film.path for film in self._films.values()])
        return film

    @override
    async def close(self) -> None:
        films, self._films = getattr(self, "_films", {}), {}
        for film in films.values():
            await asyncio.to_thread(film.close)


SINK = VideoSink
