"""Run the benchmarks: `python -m bench`, or a part of them by its name."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer
import uvloop

from app.dev.postgres import EmbeddedPostgres
from bench import events, figures, history, memory, migrations, reads, report, slow_stripe, soak, startup, throughput
from bench.figures import Figures
from bench.stack import postgres
from bench.table import markdown

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
QUICK = throughput.Plan(rounds=1, seconds=0.5, payments=20)
QUICK_HISTORY = history.Plan(rounds=1, payments=5_000, open_carts=5_000, requests=50)
QUICK_READS = reads.Plan(payments=5_000, requests=10)
QUICK_EVENTS = events.Plan(carts=5, backlog=20)
QUICK_REQUESTS = 1_000
QUICK_ROWS = 2_000

Rounds = Annotated[int, typer.Option(min=1, help="Each value is the median of so many.")]
IsQuick = Annotated[bool, typer.Option("--quick", help="Only see that everything runs; the figures are worth nothing.")]


@app.callback(invoke_without_command=True)
def everything(context: typer.Context, is_quick: IsQuick = False) -> None:
    """Measure all of it, print the table and write it into docs/performance.md: about an hour."""
    if context.invoked_subcommand is not None:
        return
    if is_quick:
        _show(_run("throughput", lambda server: throughput.measure(server, QUICK)))
        _show(_run("memory", lambda server: memory.measure(server, QUICK_REQUESTS)))
        _show(_run("startup", lambda server: startup.measure(server, rounds=1)))
        _show(_run("history", lambda server: history.measure(server, QUICK_HISTORY)))
        _show(_run("events", lambda server: events.measure(server, QUICK_EVENTS)))
        _show(_run("reads", lambda server: reads.measure(server, QUICK_READS)))
        migrations_(QUICK_ROWS)
        return
    throughput_()
    memory_()
    startup_()
    history_()
    reads_()
    events_()
    report_()


@app.command("throughput")
def throughput_(
    rounds: Rounds = 3,
    seconds: Annotated[float, typer.Option(help="How long a load lasts in each round.")] = 4.0,
    payments: Annotated[int, typer.Option(help="Whose five events are sent in each round.")] = 2_000,
) -> None:
    """Send each load to the service and to its peers, in turn."""
    plan = throughput.Plan(rounds, seconds, payments)
    figures.write("throughput", _run("throughput", lambda server: throughput.measure(server, plan)))


@app.command("history")
def history_(
    rounds: Rounds = 3,
    payments: Annotated[int, typer.Option(help="How many payments the large history has.")] = 1_000_000,
    open_carts: Annotated[int, typer.Option(help="How many open carts the sweep searches.")] = 170_000,
) -> None:
    """Compare a small history with a large one, and time the sweep's search. A million payments need 6 GB of disk."""
    plan = history.Plan(rounds, payments, open_carts)
    figures.write("history", _run("history", lambda server: history.measure(server, plan)))


@app.command("reads")
def reads_(
    payments: Annotated[int, typer.Option(help="How many payments there are.")] = 2_000_000,
) -> None:
    """Time lists, searches and timelines among many payments. Two million need 6 GB of disk."""
    plan = reads.Plan(payments)
    figures.write("reads", _run("reads", lambda server: reads.measure(server, plan)))


@app.command("events")
def events_() -> None:
    """Time how soon a reader of the feed and an endpoint learn of an event, and how fast many are read and sent."""
    figures.write("events", _run("events", lambda server: events.measure(server, events.Plan())))


@app.command("memory")
def memory_(requests: Annotated[int, typer.Option(help="How many requests are sent.")] = 200_000) -> None:
    """Watch the memory of one API process."""
    figures.write("memory", _run("memory", lambda server: memory.measure(server, requests)))


@app.command("startup")
def startup_(rounds: Rounds = 5) -> None:
    """Time the start of the command line and of the API."""
    figures.write("startup", _run("startup", lambda server: startup.measure(server, rounds)))


@app.command("report")
def report_() -> None:
    """Print the table of what was measured last, and write it and the charts for docs/performance.md."""
    report.write()
    print(markdown(figures.read_all()[0]))


@app.command("slow-stripe")
def slow_stripe_() -> None:
    """Measure what reads and webhooks feel while Stripe answers none of many PUTs."""
    slow_stripe.main()


@app.command("migrations")
def migrations_(
    rows: Annotated[int, typer.Option(min=1, help="How many rows each large table has.")] = 200_000,
) -> None:
    """Bring a filled database from the first release to the newest, and show what writers beside it felt."""
    print("| Migration | in all | longest statement | longest wait of a write |\n| --- | --- | --- | --- |")
    with postgres() as server:
        for cost in asyncio.run(migrations.measure(server, rows)):
            print(cost)


@app.command("soak")
def soak_() -> None:
    """Send webhooks while the API and PostgreSQL are killed again and again; compare both sides at the end."""
    soak.main()


def _run(suite: str, measure: Callable[[EmbeddedPostgres], Coroutine[Any, Any, Figures]]) -> Figures:
    print(f"== {suite}", flush=True)
    with postgres() as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measure(server))


def _show(measured: Figures) -> None:
    """Print a suite's rows of the table; nothing of a quick run is kept."""
    print("\n".join(line for line in markdown(measured).splitlines() if "not measured" not in line))


if __name__ == "__main__":
    app()
