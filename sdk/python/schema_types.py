"""The document's schemas as Python types, for ``generate.py``."""

from __future__ import annotations

import json
import re
from typing import Any, Iterable, NamedTuple

from naming import MEMBERS, VARIANTS

BASIC = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
# A union of more types than this gets a name of its own.
UNION_TYPES_MAX = 2
Schema = dict[str, Any]


def pascal(name: str) -> str:
    """``end_user`` as ``EndUser``."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^a-zA-Z0-9]+", name))


def union(parts: Iterable[str]) -> str:
    """Any one of several types."""
    kept = list(dict.fromkeys(parts))
    if "Any" in kept:
        return "Any"
    if "str" in kept:
        kept = [part for part in kept if not part.startswith("Literal[")]
    optional = "None" in kept
    kept = [part for part in kept if part != "None"]
    text = kept[0] if len(kept) == 1 else f"Union[{', '.join(kept)}]"
    return f"Optional[{text}]" if optional else text


def type_names(schema: Schema) -> list[str]:
    """Its JSON types. The document nests a list of them in a list in places."""
    given = schema.get("type", [])
    given = given if isinstance(given, list) else [given]
    return [name for one in given for name in (one if isinstance(one, list) else [one])]


class Member(NamedTuple):
    """A member of an object, or an argument."""

    name: str
    type: str
    required: bool
    about: str
    """A sentence without its full stop; may be empty."""


class Types:
    """Objects of the document as TypedDict classes: one for each shape, named when first met."""

    def __init__(self) -> None:
        self.classes: dict[str, tuple[Member, ...]] = {}
        self.unions: dict[str, str] = {}
        self.answered: frozenset[str] = frozenset()

    def answers_are_read(self) -> None:
        """From here on, a shape that has the name of one in an answer is what is sent of it."""
        self.answered = frozenset(self.classes)

    def of(self, schema: Schema, hint: str, owner: str, sent: bool) -> str:
        """The type of a schema. An object is called ``hint`` when that is free."""
        if alternatives := schema.get("oneOf") or schema.get("anyOf"):
            parts = [self.of(one, variant(one, hint), owner, sent) for one in alternatives]
            if len(set(parts)) <= UNION_TYPES_MAX:
                return union(parts)
            self.unions[owner + hint] = union(parts)
            return owner + hint
        if values := schema.get("enum"):
            if {"true", "false"} <= set(values):
                return "bool"
            return f"Literal[{', '.join(json.dumps(value) for value in values)}]"
        if "$ref" in schema or "allOf" in schema:
            raise SystemExit(f"{owner}: references are not covered: {schema}")
        parts = [self.single(name, schema, hint, owner, sent) for name in type_names(schema)]
        return union(parts or ["Any"])

    def single(self, name: str, schema: Schema, hint: str, owner: str, sent: bool) -> str:
        if name == "array":
            return f"List[{self.of(schema.get('items', {}), singular(hint), owner, sent)}]"
        if name != "object":
            return BASIC[name]
        closed = schema.get("additionalProperties") is False
        if not schema.get("properties") or not (closed or schema.get("required")):
            # Members beside those described, or none described: any name may be read and sent.
            more = schema.get("additionalProperties")
            of_all = self.of(more, singular(hint), owner, sent) if isinstance(more, dict) else "Any"
            return f"Dict[str, {of_all}]"
        required = schema.get("required", [])
        members = tuple(
            Member(
                key,
                self.of(value, MEMBERS.get(key, pascal(key)), hint, sent),
                key in required,
                value.get("description", ""),
            )
            for key, value in schema["properties"].items()
        )
        return self.named(members, hint, owner, sent)

    def named(self, members: tuple[Member, ...], hint: str, owner: str, sent: bool) -> str:
        plain = f"{hint}Input" if sent and hint in self.answered else hint
        for name in (hint, plain, owner + hint):
            if self.classes.setdefault(name, members) == members:
                return name
        raise SystemExit(f"no name for an object called {hint} in {owner}; add one to naming.py")

    def module(self) -> str:
        """All of them as Python."""
        text = ""
        for name, members in self.classes.items():
            required = [member for member in members if member.required]
            optional = [member for member in members if not member.required]
            base = "TypedDict"
            if required and optional:
                # NotRequired came with Python 3.11; a base class says the same in 3.9.
                text += class_text(f"_{name}Required", "TypedDict", required)
                base = f"_{name}Required, total=False"
            elif optional:
                base = "TypedDict, total=False"
            text += class_text(name, base, optional or required)
        for name, kind in self.unions.items():
            parts = "".join(f"    {part},\n" for part in kind[len("Union[") : -1].split(", "))
            text += f"\n\n{name} = Union[\n{parts}]\n"
        return text


def class_text(name: str, base: str, members: list[Member]) -> str:
    text = f"\n\nclass {name}({base}):\n"
    for member in members:
        text += f"    {member.name}: {member.type}\n"
        text += f'    """{member.about}"""\n' if member.about else ""
    return text


def variant(schema: Schema, hint: str) -> str:
    """What one alternative of a union is called."""
    values = schema.get("properties", {}).get("type", {}).get("enum", [])
    name = VARIANTS[" ".join(values)] if values else ""
    return name if name.endswith(hint) else name + hint


def singular(name: str) -> str:
    """What one item of a list is called."""
    fixed = name in MEMBERS.values() or name == "Credentials" or not name.endswith("s")
    return name if fixed else name[:-1]


def qualified(kind: str) -> str:
    """Names of our own types as seen from another module."""
    typing = {"Any", "Dict", "List", "Literal", "None", "Optional", "Union"}
    own = re.compile(r'"[^"]*"|\b[A-Z]\w*')
    return own.sub(lambda m: m[0] if m[0] in typing or m[0][0] == '"' else f"models.{m[0]}", kind)
