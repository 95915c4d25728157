"""The command line: the verbs of the flow. Reads options and exit codes are here, the work is elsewhere.

Modules that do the work are imported by the verb that needs them, so that `--help` costs nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from underdog import __version__
from underdog.budget import Budget
from underdog.errors import BudgetSpent, ConfigError, UserError

DECLINED, MISTAKEN, OVER_BUDGET, INTERRUPTED = 1, 2, 3, 130

app = typer.Typer(
    help="Find the lever that lets a small language model do a large one's job, prove it and serve it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

AllowCode = Annotated[
    bool, typer.Option("--allow-code", help="Agree to run your own programs that levers name.")
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, such as runs/tickets.")]


def main() -> None:
    """The `underdog` command."""
    app(prog_name="underdog")


@contextmanager
def edge() -> Iterator[None]:
    """Where errors become exit codes; what nobody foresaw keeps its traceback."""
    try:
        yield
    except UserError as error:
        raise _exit(MISTAKEN, str(error)) from None
    except BudgetSpent as error:
        raise _exit(OVER_BUDGET, str(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _exit(code: int, sentence: str) -> typer.Exit:
    print(f"underdog: {sentence}", file=sys.stderr)
    return typer.Exit(code)


def _version(asked: bool) -> None:
    if asked:
        print(f"underdog {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options that stand before the verbs."""


@app.command()
def study(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The study, a YAML file.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Prove the task, forecast, stop.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask again what the bank already holds.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the forecast's cost.")] = False,
    budget_dollars: Annotated[float | None, typer.Option(min=0, help="Spend at most this.")] = None,
    budget_tokens: Annotated[int | None, typer.Option(min=0, help="Read and write at most these.")] = None,
    budget_minutes: Annotated[float | None, typer.Option(min=0, help="Take at most this long.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder.", show_default="runs/NAME")] = None,
    store: Annotated[
        Path | None, typer.Option(help="The bank of calls.", show_default=".underdog/store.sqlite")
    ] = None,
    no_diagnosis: Annotated[
        bool, typer.Option("--no-diagnosis", help="Race the usual levers without looking first.")
    ] = False,
    allow_code: AllowCode = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say the verdict only.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Measure small, large and the levers on a task, and say whether one of them rivals large.

    Stopped or out of budget, run the same command to resume: no recorded call is paid for again.
    """
    with edge():
        from underdog.studying import Asked, conduct

        budget = Budget(budget_dollars, budget_tokens, budget_minutes)
        code = conduct(
            Asked(
                file, dry_run, fresh, yes, quiet, json, budget, out, store,
                allow_code=allow_code, undiagnosed=no_diagnosis,
            )
        )  # fmt: skip
    raise typer.Exit(code)


@app.command()
def diagnose(
    file: Annotated[Path, typer.Argument(metavar="STUDY", help="The study, a YAML file.")],
    n: Annotated[int | None, typer.Option("--n", min=1, help="Look at so many examples at most.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Prove the task, forecast, stop.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask again what the bank already holds.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the forecast's cost.")] = False,
    out: Annotated[Path | None, typer.Option(help="The run's folder.", show_default="runs/NAME")] = None,
    store: Annotated[
        Path | None, typer.Option(help="The bank of calls.", show_default=".underdog/store.sqlite")
    ] = None,
    allow_code: AllowCode = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say the findings only.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the diagnosis as JSON.")] = False,
) -> None:
    """Say from few calls what a task is bound by, and which levers are worth trying on it.

    Takes at most a fifth of the study's budget; the study finds these calls again and pays none twice.
    """
    with edge():
        from underdog.diagnosing import conduct
        from underdog.studying import Asked

        asked = Asked(file, dry_run, fresh, yes, quiet, json, out=out, store=store, allow_code=allow_code)
        code = conduct(asked, n)
    raise typer.Exit(code)


@app.command()
def tune(
    file: Annotated[Path, typer.Argument(metavar="STUDY", help="The study, a YAML file.")],
    method: Annotated[str, typer.Option(help="lora, distil, dpo, grpo, quantize or prune.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting, such as rank=16.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Prove the task, forecast, stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the forecast's cost.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Where the model goes.", show_default="runs/NAME/METHOD")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="The bank of calls.", show_default=".underdog/store.sqlite")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say what came of it only.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Train an adapter for the small model on the fit split, and hold it against the others on tune.

    Stopped, run the same command to go on from the last checkpoint, to the same result.
    """
    with edge():
        from underdog.studying import Asked
        from underdog.tuning import conduct

        asked = Asked(file, dry_run, False, yes, quiet, json, out=out, store=store)
        code = conduct(asked, method, settings or [], seed)
    raise typer.Exit(code)


@app.command()
def check(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE|MODEL]...", help="Study files, or models such as openai/gpt-5-mini."),
    ] = None,
) -> None:
    """Ask models whether they answer, what they support, where data would go and what it costs.

    With a study FILE: its models, and its task proved without a call. With nothing: every model that has a
    price in the configuration.
    """
    with edge():
        from underdog.checking import check_all
        from underdog.report.page import page

        code = check_all(what or [], page())
    raise typer.Exit(code)


@app.command()
def serve(
    run: Run,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 8321,
    api_key_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="The variable with the key that clients must send.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Where calls are recorded.", show_default="served.sqlite in RUN")
    ] = None,
    shadow: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Of the requests, asked of large too, to watch.")
    ] = None,
    shadow_budget: Annotated[
        float | None, typer.Option(metavar="DOLLARS", help="What that may cost in all.")
    ] = None,
    allow_code: AllowCode = False,
) -> None:
    """Serve a run's plan as an OpenAI-compatible model."""
    with edge():
        from underdog.gateway import Shadow
        from underdog.gateway import serve as serve_plan

        if (shadow is None) != (shadow_budget is None):
            raise ConfigError("--shadow and --shadow-budget belong together: give both, or neither")
        watched = None if shadow is None or shadow_budget is None else Shadow(shadow, shadow_budget)
        serve_plan(
            run,
            host=host,
            port=port,
            api_key_env=api_key_env,
            store=store,
            shadow=watched,
            allow_code=allow_code,
        )


@app.command()
def report(
    run: Run, json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False
) -> None:
    """Print the report of a finished run again."""
    with edge():
        from underdog.report.page import page
        from underdog.report.saved import FINDINGS
        from underdog.report.text import show

        findings = FINDINGS.read(run)
        if json:
            print(FINDINGS.text(run), end="")
        else:
            show(findings, run, page())


@app.command()
def label(
    run: Run,
    arm: Annotated[
        str | None, typer.Option(help="Whom to hold against large.", show_default="the plan")
    ] = None,
    port: Annotated[int, typer.Option(help="The port of 127.0.0.1; 0 takes a free one.")] = 8322,
    labeller: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who labels.", show_default="the user's name")
    ] = None,
    standing: Annotated[
        bool, typer.Option("--standing", help="Say what the labels show so far, and serve nothing.")
    ] = False,
) -> None:
    """Say who is right where the plan and large disagree, in a local page, until the verdict is told."""
    with edge():
        from underdog.labelling import serving

        if standing:
            print("\n".join(serving.told(*serving.where_it_stands(run, arm)[:2])))
        else:
            serving.serve(run, arm, port=port, labeller=labeller)


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    second: Annotated[Path, typer.Argument(metavar="RUN", help="The one held against it.")],
    json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Hold a run against another, arm by arm on the examples that both asked, and say what changed."""
    with edge():
        from underdog.comparing import compare_runs
        from underdog.report.compared import show_compared
        from underdog.report.json_text import json_text
        from underdog.report.page import page

        found = compare_runs(first, second)
        if json:
            print(json_text(found))
        else:
            show_compared(found, page())


@app.command()
def explain(
    run: Run,
    item: Annotated[
        str, typer.Argument(metavar="ITEM", help="An example: its id, how it begins, or number.")
    ],
    store: Annotated[
        Path | None, typer.Option(help="The bank of calls.", show_default=".underdog/store.sqlite")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the trail as JSON.")] = False,
) -> None:
    """Show all that happened to one example: what was asked, each call, how it was read and scored."""
    with edge():
        from underdog.explaining import explain_item
        from underdog.report.explained import show_explained
        from underdog.report.json_text import json_text
        from underdog.report.page import page

        found = explain_item(run, item, store)
        if json:
            print(json_text(found))
        else:
            show_explained(found, page())


@app.command()
def route(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="OUTCOMES",
            help="A row for each question and answerer (.parquet, .jsonl, .csv), or a finished run's folder.",
        ),
    ],
    questions: Annotated[
        Path | None, typer.Option(help="A second file: each question's text, category, group.")
    ] = None,
    default: Annotated[
        str | None, typer.Option(help="The answerer to fall back on.", show_default="the best one")
    ] = None,
    margin: Annotated[float, typer.Option(min=0.0001, max=0.5, help="How much may be lost to save.")] = 0.02,
    seed: Annotated[int, typer.Option(help="Of the split and the folds.")] = 0,
    embedder: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Makes the vectors, such as hf/NAME.", show_default="offline"),
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Where vectors are recorded.", show_default=".underdog/store.sqlite")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Where to write the policy, if one is advised.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the advice as JSON.")] = False,
) -> None:
    """Say from recorded outcomes whether routing between answerers pays, and how.

    Routers are fitted on 70 % of the questions and judged on the others, against what needs no router.
    """
    with edge():
        from underdog.advising import Wanted, advise
        from underdog.report.page import page
        from underdog.store import DEFAULT_PATH

        wanted = Wanted(file, questions, default, margin, seed, embedder, store or DEFAULT_PATH, save, json)
        advise(wanted, page())


@app.command()
def index(
    documents: Annotated[
        Path, typer.Argument(metavar="DOCUMENTS", help="A folder of .txt and .md files, or a table of texts.")
    ],
    save: Annotated[Path, typer.Option(help="The file to write, ending in .safetensors.")],
    embedder: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Makes vectors, such as hf/NAME.", show_default="words alone"),
    ] = None,
    text: Annotated[str | None, typer.Option(help="The table's column with the text.")] = None,
    id: Annotated[str | None, typer.Option(help="The table's column that citations name.")] = None,
    by: Annotated[str, typer.Option(help="Keep whole: paragraph, sentence or word.")] = "paragraph",
    size: Annotated[int, typer.Option(min=1, help="The most words of a passage.")] = 160,
    overlap: Annotated[int, typer.Option(min=0, help="Words repeated in the next passage.")] = 0,
    store: Annotated[
        Path | None, typer.Option(help="Where vectors are recorded.", show_default=".underdog/store.sqlite")
    ] = None,
) -> None:
    """Make an index of documents for the lever `retrieve`; needed only for vectors, or to keep it."""
    with edge():
        from underdog.indexing import Wanted, make_index
        from underdog.report.page import page
        from underdog.store import DEFAULT_PATH

        described = {"path": str(documents), "by": by, "size": size, "overlap": overlap}
        columns = {key: value for key, value in (("text", text), ("id", id)) if value is not None}
        make_index(Wanted({**described, **columns}, save, embedder, store or DEFAULT_PATH), page())
