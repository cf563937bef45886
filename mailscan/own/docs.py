"""What the text of a class says about its fields: the string below each, or the comment behind it."""

from __future__ import annotations

import ast
import inspect
import io
import tokenize


def field_docs(cls: type) -> dict[str, str]:
    """A line for each field that has one; nothing where the text cannot be had."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__[:-1]):
        try:
            text = inspect.cleandoc("\n" + inspect.getsource(base))
            found.update(_of_text(text))
        except (OSError, TypeError, SyntaxError, tokenize.TokenError):
            continue
    return found


def _of_text(text: str) -> dict[str, str]:
    comments = {
        token.start[0]: token.string.lstrip("#: ").strip()
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    }
    found: dict[str, str] = {}
    (tree,) = ast.parse(text).body
    body = getattr(tree, "body", [])
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            doc = comments.get(node.end_lineno or 0, "")
            if (
                isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
                and isinstance(after.value.value, str)
            ):
                doc = after.value.value
            if doc:
                found[node.target.id] = " ".join(doc.split())
    return found
