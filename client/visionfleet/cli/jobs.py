"""``visionfleet jobs``: hand in work, look at it."""

from __future__ import annotations

from typing import Annotated

import typer

from visionfleet import Client, Job, JobOptions, VisionfleetError
from visionfleet.cli import options
from visionfleet.cli.answers import show_answer
from visionfleet.cli.console import complain, out, row, say, table, write_json
from visionfleet.cli.exits import EPILOG, FAILED
from visionfleet.errors import DeadlineExceeded

app = typer.Typer(help="Asynchronous jobs.", no_args_is_help=True)

Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait for the end of the job.")]


@app.command("get", epilog=EPILOG)
def get(
    job_id: Annotated[str, typer.Argument(metavar="ID")],
    wait: Wait = 0.0,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """Show a job; exit code 1 when it failed."""
    with Client(url) as client:
        show(look(client, job_id, wait), json=json)


@app.command("submit", epilog=EPILOG)
def submit(  # noqa: PLR0913 - one parameter per option
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Files or https URLs; one job for all.")],
    model: Annotated[str, typer.Option("--model", "-m", help="Model id.")],
    *,
    confidence: Annotated[float | None, typer.Option(min=0, max=1, help="Lowest confidence reported.")] = None,
    hardware: Annotated[str, typer.Option(help="Worker pool: cpu, gpu, jetson or any.")] = "any",
    bulk: Annotated[bool, typer.Option("--bulk", help="Let other work go first.")] = False,
    keep: Annotated[
        float | None, typer.Option(min=0, help="Seconds to keep the images after the end, for 'jobs retry'.")
    ] = None,
    wait: Wait = 0.0,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """Hand in a job and print its id; with --wait also its result."""
    wanted = JobOptions(hardware=hardware, priority="bulk" if bulk else "normal", input_ttl=keep)
    with Client(url) as client:
        job = client.jobs.submit(images, model, wanted, confidence=confidence)
        show(look(client, job.id, wait) if wait else job, json=json)


@app.command("list")
def list_jobs(  # noqa: PLR0913 - one parameter per option
    state: Annotated[str | None, typer.Option(help="queued, running, succeeded, failed, canceled or expired.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only jobs of this model id.")] = None,
    lane: Annotated[str | None, typer.Option(help="live, normal or bulk.")] = None,
    since: Annotated[str | None, typer.Option(help="Only jobs accepted since then (ISO 8601).")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 20,
    *,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """List jobs, newest first."""
    filters = {"state": state, "model": model, "lane": lane, "since": since}
    with Client(url) as client:
        found = list(client.jobs.list(limit, **{name: value for name, value in filters.items() if value}))
    if json:
        write_json([job.raw for job in found])
        return
    jobs = table("Jobs", "id", "state", "model", "lane", "created", ">images")
    jobs.columns[0].no_wrap = True  # to be copied
    for job in found:
        images = (job.raw.get("progress") or {}).get("images")
        row(jobs, job.id, job.state, job.model, job.raw.get("lane"), (job.created or "")[:19], images)
    out.print(jobs)


@app.command("wait")
def wait_for(
    job_id: Annotated[str, typer.Argument(metavar="ID")],
    seconds: Annotated[float, typer.Option("--timeout", min=0, help="Seconds to wait at most.")] = 600.0,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """Wait for the end of a job and show it; exit code 1 when it failed, 5 when it goes on."""
    with Client(url) as client:
        show(client.jobs.wait(job_id, seconds), json=json)


@app.command("cancel")
def cancel(
    job_ids: Annotated[list[str], typer.Argument(metavar="ID...")],
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """Cancel jobs: one that waits never runs, the result of one that runs does not count."""
    with Client(url) as client:
        canceled = [client.jobs.cancel(job_id) for job_id in job_ids]
    if json:
        write_json([job.raw for job in canceled])
    else:
        for job in canceled:
            say(f"{job.id} {job.state}")


@app.command("retry")
def retry(
    job_id: Annotated[str, typer.Argument(metavar="ID")],
    wait: Wait = 0.0,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """Run a job that has ended again, as a new job; its images must have been kept (input_ttl)."""
    with Client(url) as client:
        job = client.jobs.retry(job_id)
        show(look(client, job.id, wait) if wait else job, json=json)


def look(client: Client, job_id: str, wait: float) -> Job:
    """The job as it is when it ended or the wait is over."""
    if wait > 0:
        try:
            return client.jobs.wait(job_id, wait)
        except DeadlineExceeded as error:
            if error.status is not None:  # the server's own, not the end of our patience
                raise
    return client.jobs.get(job_id)


def show(job: Job, *, json: bool) -> None:
    """Print a job. Raises typer.Exit when it, or one of its images, failed."""
    if json:
        write_json(job.raw)
    else:
        show_table(job)
        for index, output in enumerate(job.outputs):
            if isinstance(output, VisionfleetError):
                complain(f"image {index}: {output.message}")
            else:
                show_answer(f"image {index}", output)
        if job.error is not None:
            complain(f"{job.error.message} ({job.error.code})")
    failed = job.error is not None or any(isinstance(output, VisionfleetError) for output in job.outputs)
    if failed or (job.done and job.state != "succeeded"):
        raise typer.Exit(FAILED)


def show_table(job: Job) -> None:
    """The job's own facts."""
    facts = table(f"Job {job.id}", "", "")
    for name in ("state", "model", "worker", "created", "started", "finished", "batch"):
        value = getattr(job, name)
        if value is not None:
            row(facts, name, value)
    timings = "  ".join(f"{name.removesuffix('_ms')} {value:.1f}" for name, value in job.timings.items())
    if timings:
        row(facts, "timings (ms)", timings)
    out.print(facts)
    if not job.done:
        say(f"not done yet; visionfleet jobs get {job.id} --wait 60", "dim")
