"""Scalar expressions: one text that becomes Triton code, and NumPy code for its reference.

The language is Python's expressions over names and numbers: arithmetic, comparisons, `a if c else
b`, `and`, `or`, `not`, and calls of the functions named in `scalar.py`. Everything else is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

_BINARY = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.BitAnd: "&", ast.BitOr: "|",
    ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip
_COMPARE = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


class ExpressionError(ValueError):
    """A scalar expression uses what the language does not have."""


class Writer(ast.NodeVisitor):
    """Writes an expression in one of the two languages.

    functions: name -> what is called for it. where: what chooses between two values.
    """

    def __init__(self, functions: Mapping[str, str], where: str) -> None:
        self.functions, self.where = functions, where
        self.names: set[str] = set()

    def generic_visit(self, node: ast.AST) -> str:
        raise ExpressionError(
            f"{ast.unparse(node)!r}: {type(node).__name__} is not in the language"
        )

    def visit_Expression(self, node: ast.Expression) -> str:
        return self.visit(node.body)

    def visit_Name(self, node: ast.Name) -> str:
        self.names.add(node.id)
        return node.id

    def visit_Constant(self, node: ast.Constant) -> str:
        if type(node.value) not in (int, float, bool):
            raise ExpressionError(f"{node.value!r} is not a number")
        return repr(node.value)

    def visit_BinOp(self, node: ast.BinOp) -> str:
        left, right = self.visit(node.left), self.visit(node.right)
        for kind, name in ((ast.Pow, "pow"), (ast.FloorDiv, "floordiv"), (ast.Mod, "mod")):
            if isinstance(node.op, kind):
                return f"{self._function(name)}({left}, {right})"
        return f"({left} {_BINARY[type(node.op)]} {right})"

    def visit_UnaryOp(self, node: ast.UnaryOp) -> str:
        inner = self.visit(node.operand)
        if isinstance(node.op, ast.Not):
            return f"({inner} == 0)"
        sign = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~"}[type(node.op)]
        return f"({sign}{inner})"

    def visit_BoolOp(self, node: ast.BoolOp) -> str:
        sign = " & " if isinstance(node.op, ast.And) else " | "
        return "(" + sign.join(f"({self.visit(v)} != 0)" for v in node.values) + ")"

    def visit_Compare(self, node: ast.Compare) -> str:
        terms = [self.visit(t) for t in (node.left, *node.comparators)]
        kinds = [_COMPARE.get(type(op)) for op in node.ops]
        if None in kinds:
            raise ExpressionError(f"{ast.unparse(node)!r}: not a comparison of numbers")
        pairs = zip(terms, kinds, terms[1:], strict=False)
        return "(" + " & ".join(f"({a} {op} {b})" for a, op, b in pairs) + ")"

    def visit_IfExp(self, node: ast.IfExp) -> str:
        parts = [self.visit(n) for n in (node.test, node.body, node.orelse)]
        return f"{self.where}({', '.join(parts)})"

    def visit_Call(self, node: ast.Call) -> str:
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise ExpressionError(f"{ast.unparse(node)!r}: only calls by a plain name")
        args = ", ".join(self.visit(a) for a in node.args)
        return f"{self._function(node.func.id)}({args})"

    def _function(self, name: str) -> str:
        found = self.functions.get(name)
        if found is None:
            raise ExpressionError(
                f"no scalar function {name!r}; there are {sorted(self.functions)}"
            )
        return found


def translate(text: str, functions: Mapping[str, str], where: str) -> tuple[str, set[str]]:
    """(the expression in the language that `functions` and `where` name, the names it reads).

    >>> translate("max(x, 0) if x == x else 1.5", {"max": "np.maximum"}, "np.where")[0]
    'np.where(((x == x)), np.maximum(x, 0), 1.5)'
    """
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise ExpressionError(f"{text!r}: {error.msg}") from error
    writer = Writer(functions, where)
    return writer.visit(tree), writer.names
