"""`firmware/wire` keeps to what MicroPython runs, so that a microcontroller can speak the link's protocol."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import firmware.wire

FOLDER = Path(firmware.wire.__file__).parent
MODULES = [file for file in sorted(FOLDER.glob("*.py")) if file.name != "tls.py"]
IMPORTS = {
    "binascii",
    "hashlib",
    "struct",
    "firmware.wire",
    "firmware.wire.channel",
    "firmware.wire.frame",
    "firmware.wire.messages",
}
ABSENT = {"hexdigest", "cast", "removeprefix", "removesuffix", "ljust", "zfill", "bit_length", "monotonic", "Struct"}
ABSENT_NODES = (ast.Match, ast.TryStar, ast.Delete, ast.AsyncFunctionDef)


def offences(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ABSENT_NODES):
            yield f"{line}: {type(node).__name__}"
        elif isinstance(node, ast.Import) and {alias.name for alias in node.names} - IMPORTS:
            yield f"{line}: import"
        elif isinstance(node, ast.ImportFrom) and node.module not in IMPORTS:
            yield f"{line}: from {node.module}"
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and node.decorator_list:
            yield f"{line}: decorator"
        elif isinstance(node, ast.arguments) and node.posonlyargs:
            yield f"{line}: positional-only argument"
        elif isinstance(node, ast.Attribute) and node.attr in ABSENT:
            yield f"{line}: {node.attr}"
        elif isinstance(node, ast.keyword) and node.arg in ("signed", "byteorder"):
            yield f"{line}: {node.arg}="
        elif isinstance(node, ast.List | ast.Tuple) and isinstance(node.ctx, ast.Load):
            if any(isinstance(one, ast.Starred) for one in node.elts):
                yield f"{line}: star in a display"
        elif isinstance(node, ast.Slice) and node.step is not None:
            yield f"{line}: slice with a step"


def without_type_checking(tree: ast.Module) -> ast.Module:
    """`if TYPE_CHECKING:` never runs, and MicroPython leaves it out."""
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING")
    ]
    return tree


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.name)
def test_a_wire_module_keeps_to_the_subset(file: Path) -> None:
    assert list(offences(without_type_checking(ast.parse(file.read_text())))) == []


@pytest.mark.parametrize(
    "code",
    [
        "import typing",
        "from enum import Enum",
        "a = [*b]",
        "a[::-1]",
        "del a[0]",
        "@b\nclass A: pass",
        "a.to_bytes(2, signed=1)",
    ],
)
def test_the_check_sees_what_microcontrollers_cannot_run(code: str) -> None:
    assert list(offences(ast.parse(code)))
