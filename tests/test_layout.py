"""The house rules that a machine can hold: imports point one way, files and functions stay small.

A rule that hurts is changed here, in the open, with the reason in the same change; it is never worked around.
"""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"

# A room is a module or folder of the package; it imports itself and rooms named before it, never one after.
ORDER = (
    *("trial", "errors", "stored", "answerer", "statistics"),
    *("budget", "constraint", "logprobs", "endpoint", "toolserver", "example", "reading"),
    *("scorers", "data", "routing", "retrieval", "solvers", "levers", "task", "proof", "tiny"),
    *("plan", "store", "wire", "config", "prices", "terms", "engines", "acts"),
    *("lane", "drive"),
    "makers",
    *("studies", "tiny.table", "tiny.diagnosed"),
    *("report", "gateway", "labelling"),
    *("embedding", "checking", "indexing", "studying", "comparing", "explaining", "advising", "diagnosing"),
    "tuning",
    "cli",
)
# What the order alone would allow, and still must not be: (room, rooms it never reaches, also indirectly).
NEVER = {"gateway": ("studies", "report", "tiny", "proof", "task")}
# The same for direct imports: a report shows findings, it measures nothing.
NEVER_DIRECTLY = {"report": ("drive", "lane", "engines", "statistics", "store"), "drive": ("store", "levers")}

TORCH = {"torch", "transformers", "peft", "trl", "safetensors", "tokenizers", "accelerate"}
TORCH_ROOMS = {"engines", "makers", "tiny"}
HEAVY = TORCH | {"numpy", "scipy", "pyarrow", "aiohttp", "jinja2", "rich", "starlette", "uvicorn", "typer"}

# Standard modules that are quick to load, so that nothing is saved by loading them late.
PLAIN = sys.stdlib_module_names - {"importlib"}
# These load late what the user names: the verb, the engine behind a model, an act, the embedded world.
FINDERS = {"underdog.cli", "underdog.acts", "underdog.engines.binding", "underdog.studies.spec"}

MOST_LINES = 400
MOST_FUNCTION_LINES_P90 = 35
MOST_PARAMETERS = 6
# Three hand an error to those who wait in another task or thread, three run code that is not ours (a tool, a
# user's scorer, a user's program), and one tells a client of a stream whose status is long sent.
MOST_BROAD_EXCEPTS = 7
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")
MACHINE = re.compile(r"/(?:home|Users|work|root|mnt)/|/tmp/[a-z]|[A-Z]:\\\\|pypi\.org|pythonhosted")


@dataclass(frozen=True)
class Import:
    """One imported module. `when` is import (of the module), typing (never run) or call (in a function)."""

    target: str
    when: str


@dataclass
class Module:
    """A module of the package, parsed."""

    name: str
    path: Path
    imports: list[Import] = field(default_factory=list)

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def room(self) -> str:
        inside = self.name.removeprefix("underdog.")
        return inside if inside in ORDER else inside.partition(".")[0]

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def at(self, node: ast.AST) -> str:
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def parsed() -> dict[str, Module]:
    """Every module of the package by its dotted name, imports resolved."""
    found = {}
    for path in sorted((SOURCE / "underdog").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, path)
    for module in found.values():
        module.imports = list(imports_of(module.tree, found, "import"))
    return found


def imports_of(node: ast.AST, known: dict[str, Module], when: str) -> Iterator[Import]:
    """Every import under a node, `import_module("...")` included."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, when) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute here"
            yield from (Import(target, when) for target in targets(child, known))
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for one in child.body:
                yield from imports_of(ast.Module([one], []), known, "typing")
            for one in child.orelse:
                yield from imports_of(ast.Module([one], []), known, when)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports_of(child, known, "call" if when == "import" else when)
        else:
            if isinstance(child, ast.Call) and ast.unparse(child.func).endswith("import_module"):
                named = child.args[0]
                if isinstance(named, ast.Constant):
                    yield Import(str(named.value), "call")
            yield from imports_of(child, known, when)


def targets(node: ast.ImportFrom, known: dict[str, Module]) -> Iterator[str]:
    """The modules that a `from` import names: submodules where they are some, else the module itself."""
    assert node.module is not None
    for alias in node.names:
        if node.module == "underdog" and alias.name == "__version__":
            continue  # a constant, not a part of the facade
        deeper = f"{node.module}.{alias.name}"
        yield deeper if deeper in known else node.module


MODULES = parsed()
INSIDE = {name: [one for one in module.imports if one.target in MODULES] for name, module in MODULES.items()}


def reached(start: str, *when: str) -> set[str]:
    """Every module, of the package or not, that importing `start` reaches through imports of these kinds."""
    seen, ahead = set[str](), [start]
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        module = MODULES.get(name)
        if module is None:
            continue
        parents = [name[:end] for end in (i for i, c in enumerate(name) if c == ".")]
        ahead += [one.target for one in module.imports if one.when in when]
        ahead += parents if "import" in when else []
    return seen


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach one another (strongly connected components of more than one)."""

    def closure(start: str) -> set[str]:
        seen, ahead = set[str](), list(graph[start])
        while ahead:
            name = ahead.pop()
            if name not in seen:
                seen.add(name)
                ahead += graph[name]
        return seen

    reach = {name: closure(name) for name in graph}
    groups = {
        frozenset({name} | {other for other in reach[name] if name in reach[other]})
        for name in graph
        if name in reach[name]
    }
    return sorted(sorted(group) for group in groups)


# Imports


def test_every_room_has_its_place_in_the_order():
    rooms = {module.room for name, module in MODULES.items() if name != "underdog"}
    assert rooms == set(ORDER), "a new room is put into ORDER; one that is gone is taken out"


def test_imports_point_one_way_also_those_for_types_and_those_inside_functions():
    place = {room: index for index, room in enumerate(ORDER)}
    wrong = [
        f"{module.name} imports {one.target}"
        for module in MODULES.values()
        if module.name != "underdog"
        for one in INSIDE[module.name]
        if one.target == "underdog" or place[MODULES[one.target].room] > place[module.room]
    ]
    assert wrong == []


def test_no_two_modules_import_each_other_directly_or_in_a_round():
    graph = {name: {one.target for one in imports} for name, imports in INSIDE.items()}
    assert cycles(graph) == []


@pytest.mark.parametrize("room", NEVER)
def test_what_serves_never_reaches_what_studies(room):
    start = [name for name, module in MODULES.items() if module.room == room]
    seen = {MODULES[name].room for one in start for name in reached(one, "import", "call") if name in MODULES}
    assert seen.isdisjoint(NEVER[room]), sorted(seen & set(NEVER[room]))


@pytest.mark.parametrize("room", NEVER_DIRECTLY)
def test_a_room_keeps_to_its_own_business(room):
    wrong = [
        f"{module.name} imports {one.target}"
        for module in MODULES.values()
        if module.room == room
        for one in INSIDE[module.name]
        if MODULES[one.target].room in NEVER_DIRECTLY[room]
    ]
    assert wrong == []


def test_only_engines_and_the_training_of_tiny_models_name_torch():
    wrong = [
        f"{module.name} imports {one.target}"
        for module in MODULES.values()
        for one in module.imports
        if one.target.partition(".")[0] in TORCH and module.room not in TORCH_ROOMS
    ]
    assert wrong == []


def test_torch_loads_when_a_local_model_is_bound_and_never_before():
    for start in ("underdog.cli", "underdog.studying", "underdog.engines.binding", "underdog.gateway"):
        outside = {name.partition(".")[0] for name in reached(start, "import")}
        assert outside.isdisjoint(TORCH), f"importing {start} loads {sorted(outside & TORCH)}"


def test_imports_inside_functions_are_of_packages_that_cost_time():
    """Of the package's own modules only those are loaded late that FINDERS find, or that load torch."""
    wrong = []
    for module in MODULES.values():
        for one in module.imports:
            top = one.target.partition(".")[0]
            if one.when != "call" or module.name in FINDERS or (top != "underdog" and top not in PLAIN):
                continue
            if TORCH.isdisjoint(name.partition(".")[0] for name in reached(one.target, "import")):
                wrong.append(f"{module.name} imports {one.target}")
    assert wrong == []


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(SOURCE), "PATH": ""},
    )
    return set(done.stdout.split())


def test_importing_underdog_loads_nothing_heavy():
    assert loaded_by("import underdog").isdisjoint(HEAVY | {"msgspec", "asyncio", "yaml"})


@pytest.mark.parametrize("name", ["Model", "Request", "Spend", "Outcome", "Budget", "UnderdogError"])
def test_the_words_of_the_contract_load_nothing_heavy(name):
    assert loaded_by(f"import underdog; underdog.{name}").isdisjoint(HEAVY)


# Sizes


def test_modules_fit_on_a_few_screens():
    lines = {module.name: module.text.count("\n") for module in MODULES.values()}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_nine_functions_of_ten_fit_on_a_screen():
    functions = [one for module in MODULES.values() for one in module.functions()]
    sizes = [(one.end_lineno or 0) - one.lineno + 1 for one in functions]
    assert statistics.quantiles(sizes, n=10)[8] <= MOST_FUNCTION_LINES_P90


def test_functions_take_few_parameters():
    """Those that can only be given by name do not count, nor do the options of a command line."""
    wrong = []
    for module in MODULES.values():
        for one in module.functions():
            if any("command" in ast.unparse(decorator) for decorator in one.decorator_list):
                continue
            names = [argument.arg for argument in (*one.args.posonlyargs, *one.args.args)]
            if len(names) - (names[:1] in (["self"], ["cls"])) > MOST_PARAMETERS:
                wrong.append(f"{module.at(one)} {one.name}")
    assert wrong == []


# Words


def test_every_module_opens_by_saying_what_it_is():
    assert [str(one.path) for one in MODULES.values() if not ast.get_docstring(one.tree)] == []


def test_public_classes_and_functions_that_are_more_than_a_line_say_what_they_do():
    """A body of one statement may speak for itself; what strict and lenient mean, a rule's module says."""
    wrong = []
    for module in MODULES.values():
        for node in module.tree.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            by_contract = module.room == "reading" and node.name in ("strict", "lenient", "render")
            public = not node.name.startswith("_") and not by_contract
            silent = public and ast.get_docstring(node) is None
            if silent and (isinstance(node, ast.ClassDef) or len(node.body) > 1):
                wrong.append(f"{module.at(node)} {node.name}")
    assert wrong == []


def test_broad_excepts_are_rare_and_say_why():
    found = []
    for module in MODULES.values():
        lines = module.text.splitlines()
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and broad(node):
                found.append(module.at(node))
                assert "#" in lines[node.lineno - 1], f"{module.at(node)}: say why it must catch everything"
    assert len(found) <= MOST_BROAD_EXCEPTS, found


def broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(ast.unparse(one) in ("Exception", "BaseException") for one in caught)


def test_nothing_is_left_unfinished():
    wrong = [
        f"{one.path.relative_to(ROOT)}: {match.group()}"
        for one in MODULES.values()
        if (match := UNFINISHED.search(one.text))
    ]
    assert wrong == []


def committed() -> list[Path]:
    """The text files of the project: what git holds or would take in, generated JSON and weights left out."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    kinds = {".py", ".md", ".toml", ".yaml", ".yml", ".jsonl", ".json", ".cfg", ".txt", ""}
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    return [path for path in paths if path.suffix in kinds and path.is_file()]


def test_no_file_names_a_machine_or_where_packages_come_from():
    wrong = []
    for path in committed():
        if path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8")
        wrong += [f"{path.relative_to(ROOT)}: {match.group()}" for match in MACHINE.finditer(text)]
    assert wrong == []
