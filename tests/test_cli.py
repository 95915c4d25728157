"""The command line as a user meets it: verbs, exit codes, what goes to which stream."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from time import sleep
from urllib.request import Request, urlopen

import pytest
from typer.testing import CliRunner

from tests.faulty_server import FaultyServer, Ok
from underdog import __version__
from underdog.cli import app

SOURCE = Path(__file__).resolve().parents[1] / "src"
UNDERDOG = [sys.executable, "-c", "from underdog.cli import main; main()"]
LABELS = ("refund", "bug", "praise")
HEAVY = {"numpy", "scipy", "torch", "transformers", "aiohttp", "jinja2", "msgspec", "rich", "starlette"}
MODELS = {"small": "fake/choice:refund|bug|praise", "large": "fake/echo"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder to work in, with no configuration but its own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("UNDERDOG_", "OPENAI_", "OPENROUTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    return tmp_path


def write_tickets(folder, rows=100, **changes):
    """A study file over tickets whose text ends in the label, so that fake/echo is always right."""
    lines = (
        {"id": f"t{i}", "text": f"ticket {i} {LABELS[i * 7 % 3]}", "label": LABELS[i * 7 % 3]}
        for i in range(rows)
    )
    (folder / "tickets.jsonl").write_text("\n".join(map(json.dumps, lines)))
    task = {
        "data": "tickets.jsonl",
        "input": "{{ text }}",
        "target": "{{ label }}",
        "id": "{{ id }}",
        "score": "label",
        "read": {"rule": "regex", "pattern": "(refund|bug|praise)$"},
    }
    levers = {"vote": {"lever": "vote", "inner": "small", "n": 3}}
    study = {"task": task, "models": MODELS, "levers": levers, "margin": 0.1} | changes
    (folder / "tickets.yaml").write_text(json.dumps(study))  # JSON is YAML
    return "tickets.yaml"


@pytest.fixture
def tickets(home):
    """Writes the study into the folder to work in."""
    return partial(write_tickets, home)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a finished study, and what the command showed."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return folder, underdog("study", write_tickets(folder))


@pytest.fixture
def studied(home, finished):
    """What the study showed whose folder this test has to itself."""
    folder, shown = finished
    shutil.copytree(folder, home, dirs_exist_ok=True)
    return shown


def findings_of(run):
    return json.loads((Path(run) / "findings.json").read_text())


def underdog(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)


def ran(*arguments, **options):
    """The command in a process of its own."""
    return subprocess.run(
        [*UNDERDOG, *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )


def answered(reply, *arguments):
    """The command on a terminal: exit code and what it showed, after `reply` to its first question."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(UNDERDOG[0], [*UNDERDOG, *map(str, arguments)])
    shown, replied = b"", False
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if b"Go on?" in shown and not replied:
            os.write(terminal, reply)
            replied = True
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def priced(home, address="http://127.0.0.1:9/v1"):
    """Models of which large is at an address, by default one where nobody answers, and has a price."""
    (home / "underdog.toml").write_text(
        f'[endpoints.house]\nbase_url = "{address}"\n[prices."house/big"]\ninput = 1\noutput = 4\n'
    )
    return MODELS | {"large": "house/big"}


# Getting in

VERBS = ("study", "check", "serve", "report", "diagnose", "label", "compare", "explain", "route")


def test_help_names_every_verb_and_loads_nothing_heavy(home):
    script = (
        "import sys; sys.argv = ['underdog', '--help']\n"
        "from underdog.cli import main\n"
        "try: main()\n"
        "except SystemExit as left: code = left.code\n"
        f"print('heavy:', sorted({HEAVY} & set(sys.modules)), 'code:', code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "heavy: [] code: 0" in done.stdout
    for verb in VERBS:
        assert f"\n  {verb} " in done.stdout


def test_the_version_is_told():
    done = underdog("--version")
    assert (done.exit_code, done.stdout) == (0, f"underdog {__version__}\n")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb):
    done = underdog(verb, "--help")
    assert done.exit_code == 0 and "Usage: " in done.stdout


# A study


def test_a_study_goes_from_proof_to_verdict_and_leaves_its_files(studied, home):
    assert studied.exit_code == 0 and studied.stderr == ""
    order = ("controls", "forecast", "test, ", "LADDER", "TEST", "VERDICT")
    told = [studied.stdout.index(word) for word in order]
    assert told == sorted(told)
    written = {path.name for path in (home / "runs" / "tickets").iterdir()}
    assert written == {"findings.json", "trials.jsonl", "examples.jsonl", "plan.json"}


def test_the_report_of_a_finished_run_is_the_one_that_the_study_ended_with(studied):
    again = underdog("report", "runs/tickets")
    assert again.exit_code == 0
    assert studied.stdout.endswith(again.stdout) and "VERDICT" in again.stdout


def test_a_dry_run_stops_after_the_forecast(tickets, home):
    done = underdog("study", tickets(), "--dry-run")
    assert done.exit_code == 0
    assert "forecast" in done.stdout and "VERDICT" not in done.stdout
    assert not (home / "runs").exists()


def test_a_dry_run_in_json_holds_the_proof_and_the_forecast(tickets):
    done = underdog("study", tickets(), "--dry-run", "--json")
    told = json.loads(done.stdout)
    assert told["proof"]["examples"] == 100 and told["proof"]["gold"] == 1.0
    assert told["forecast"]["most_calls"] > 0 and told["forecast"]["dollars"] == 0


def test_findings_in_json_leave_standard_output_to_the_json(tickets, home):
    done = underdog("study", tickets(), "--json", "--out", "elsewhere")
    assert done.stdout == (home / "elsewhere" / "findings.json").read_text()
    assert "forecast" in done.stderr
    assert underdog("report", "elsewhere", "--json").stdout == done.stdout


def test_a_quiet_study_says_its_verdict_and_nothing_else(tickets):
    done = underdog("study", tickets(), "--quiet")
    assert done.exit_code == 0 and done.stderr == ""
    assert len(done.stdout.splitlines()) == 1 and "the large model" in done.stdout


def test_a_second_run_pays_for_nothing_and_finds_the_same(studied):
    first = findings_of("runs/tickets")
    second = json.loads(underdog("study", "tickets.yaml", "--json").stdout)
    assert first["calls_sent"] > 0 and second["calls_sent"] == 0
    assert second["verdict"] == first["verdict"] and second["test"] == first["test"]


def test_fresh_asks_again(studied):
    first = findings_of("runs/tickets")
    again = json.loads(underdog("study", "tickets.yaml", "--json", "--fresh").stdout)
    assert again["calls_sent"] == first["calls_sent"] > 0


def test_another_store_is_another_bank(studied, home):
    told = json.loads(underdog("study", "tickets.yaml", "--json", "--store", "other.sqlite").stdout)
    assert told["calls_sent"] > 0 and (home / "other.sqlite").is_file()


def test_a_name_that_no_folder_may_have_becomes_one_that_it_may(tickets, home):
    done = underdog("study", tickets(name="../our tickets/2024"), "--quiet")
    assert done.exit_code == 0
    assert [path.name for path in (home / "runs").iterdir()] == ["our-tickets-2024"]


# Money


def test_a_spent_budget_ends_with_exit_code_3_and_a_larger_one_goes_on(tickets):
    stopped = underdog("study", tickets(), "--budget-tokens", 1_000)
    assert stopped.exit_code == 3
    assert "budget of 1000 tokens" in stopped.stderr and "VERDICT" not in stopped.stdout
    resumed = json.loads(underdog("study", "tickets.yaml", "--budget-tokens", 10_000_000, "--json").stdout)
    assert resumed["calls_banked"] > 0


def test_a_limit_on_the_command_line_replaces_the_same_limit_of_the_file_only(tickets):
    study = tickets(rows=60, budget={"tokens": 10_000_000, "minutes": 0})
    assert underdog("study", study, "--quiet").exit_code == 3
    assert underdog("study", study, "--quiet", "--budget-minutes", 60).exit_code == 0
    both = ("--budget-minutes", 60, "--budget-tokens", 0)
    assert underdog("study", study, "--quiet", "--fresh", *both).exit_code == 3


def test_a_study_that_may_cost_something_is_refused_where_nobody_can_agree(tickets, home):
    done = underdog("study", tickets(models=priced(home)))
    assert done.exit_code == 2
    assert "the calls may cost up to $" in done.stderr and "--yes" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_budget_bounds_what_is_asked_for(tickets, home):
    done = underdog("study", tickets(models=priced(home)), "--budget-dollars", 0.05)
    assert "the calls may cost up to $0.05 " in done.stderr


def test_an_unknown_price_is_not_taken_for_nothing(tickets, home):
    (home / "underdog.toml").write_text('[endpoints.house]\nbase_url = "https://llm.invalid/v1"\n')
    done = underdog("study", tickets(models=MODELS | {"large": "house/big"}))
    assert done.exit_code == 2 and "an unknown amount" in done.stderr


def test_the_user_is_asked_and_a_no_sends_nothing(tickets, home):
    code, shown = answered(b"n\n", "study", tickets(models=priced(home)))
    assert code == 1 and "nothing was sent" in shown
    assert "Go on? [y/N]" in shown and not (home / "runs").exists()


def test_ctrl_c_at_the_question_is_a_no(tickets, home):
    code, shown = answered(b"\x03", "study", tickets(models=priced(home)))
    assert code == 1 and "nothing was sent" in shown


def test_a_yes_at_the_question_starts_the_live_table_and_ends_in_the_report(tickets, home):
    with FaultyServer(Ok("bug")) as server:
        code, shown = answered(b"y\n", "study", tickets(models=priced(home, server.url)))
    assert code == 0
    told = [shown.index(word) for word in ("Go on?", "score so far", "VERDICT", "plan.json")]
    assert told == sorted(told)


def test_agreeing_beforehand_needs_no_question(tickets, home):
    with FaultyServer(Ok("bug")) as server:
        done = underdog("study", tickets(models=priced(home, server.url)), "--yes", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["spend"]["dollars"] > 0


# Mistakes


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("task: {", "tickets.yaml: not readable as YAML"),
        ("[1, 2]", "tickets.yaml: a study must be a mapping"),
        ("modles: {}", "unknown key 'modles'"),
        ("task: {data: tickets.jsonl, input: '{{ text }}', target: label}", "`models` must name at least"),
    ],
)
def test_a_malformed_study_file_gets_one_sentence_and_exit_code_2(tickets, home, text, sentence):
    tickets()
    (home / "tickets.yaml").write_text(text)
    done = underdog("study", "tickets.yaml")
    assert done.exit_code == 2 and done.stdout == ""
    assert sentence in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("study", "nowhere.yaml"), "no such study file"),
        (("report", "nowhere"), "no findings here"),
        (("serve", "nowhere"), "no plan here"),
        (("study", "tickets.yaml", "--out", "tickets.yaml"), "name another with --out"),
    ],
)
def test_a_mistake_is_one_sentence_with_exit_code_2(tickets, arguments, sentence):
    tickets()
    done = underdog(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("underdog: ") and sentence in done.stderr


def test_the_installed_command_shows_a_mistake_without_a_traceback(home):
    done = ran("study", "nowhere.yaml")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("underdog: nowhere.yaml") and "Traceback" not in done.stderr


def test_what_nobody_foresaw_keeps_its_traceback(home):
    (home / "findings.json").write_text('{"format": 1}')
    with pytest.raises(KeyError):
        underdog("report", ".")


def test_an_interrupted_study_says_how_to_go_on_and_goes_on(tickets):
    study = tickets(rows=1200)
    with subprocess.Popen(
        [*UNDERDOG, "study", study], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            if line.startswith("race"):
                process.send_signal(signal.SIGINT)
                break
        process.stdout.read()
        told = process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in told
    assert told.startswith("stopped; ") and told.endswith("run the same command to resume\n")
    resumed = json.loads(ran("study", study, "--json").stdout)
    assert resumed["calls_banked"] > 0


def test_a_second_ctrl_c_leaves_at_once_whatever_is_under_way(tickets, home):
    (home / "slow.py").write_text(
        "import sys, time\n"
        "def score(final, example):\n"
        "    print('scoring', flush=True)\n"
        "    time.sleep(600)\n"
    )
    task = {"data": "tickets.jsonl", "input": "{{ text }}", "target": "{{ label }}"}
    study = tickets(task=task | {"score": {"rule": "python", "function": "slow.py:score"}})
    with subprocess.Popen(
        [*UNDERDOG, "study", study], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"scoring\n"
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            sleep(0.05)
        assert process.returncode == 130
        assert b"Traceback" not in process.stderr.read()


# Serving


def test_a_run_s_plan_is_served_until_interrupted(studied):
    with subprocess.Popen(
        [*UNDERDOG, "serve", "runs/tickets", "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        asked = {"model": "tickets", "messages": [{"role": "user", "content": "ticket 1 bug"}]}
        request = Request(
            f"{address}/chat/completions", json.dumps(asked).encode(), {"Content-Type": "application/json"}
        )
        with urlopen(request) as reply:
            answer = json.load(reply)
        process.send_signal(signal.SIGINT)
    assert answer["choices"][0]["message"]["content"]
    assert process.returncode == 0


@pytest.mark.parametrize("given", [("--shadow", "0.1"), ("--shadow-budget", "1")])
def test_a_share_to_watch_and_what_it_may_cost_belong_together(studied, given):
    done = underdog("serve", "runs/tickets", "--port", "0", *given)
    assert done.exit_code == 2 and "--shadow and --shadow-budget belong together" in done.stderr


def test_serving_other_machines_without_a_key_is_refused(studied):
    done = underdog("serve", "runs/tickets", "--host", "0.0.0.0", "--port", "0")
    assert done.exit_code == 2 and "--api-key-env" in done.stderr
