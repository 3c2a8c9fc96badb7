"""How arguments become a request."""

import json
from typing import Any, Awaitable, Dict, List, Mapping, Optional, Protocol, Tuple
from urllib.parse import quote, urlencode


class Call(Protocol):
    """Sends a request and answers the JSON of the reply; ``envelope`` names its one member."""

    def __call__(
        self,
        method: str,
        target: str,
        *,
        query: Optional[Mapping[str, Any]] = None,
        body: Optional[Mapping[str, Any]] = None,
        envelope: str = "",
    ) -> Any: ...


class AsyncCall(Protocol):
    """The same, to be awaited."""

    def __call__(
        self,
        method: str,
        target: str,
        *,
        query: Optional[Mapping[str, Any]] = None,
        body: Optional[Mapping[str, Any]] = None,
        envelope: str = "",
    ) -> Awaitable[Any]: ...


def path(template: str, *values: object) -> str:
    """The path with values in the place of ``{}``.

    :raises ValueError: a value is empty or consists of dots, which would lead to another path.
    """
    for value in values:
        if str(value).strip(".") == "":
            raise ValueError(f"{value!r} cannot stand in the path {template}")
    return template.format(*(quote(str(value), safe="") for value in values))


def given(arguments: Mapping[str, Any]) -> Dict[str, Any]:
    """The arguments that are not None: None means left out."""
    return {name: value for name, value in arguments.items() if value is not None}


def with_query(target: str, query: Optional[Mapping[str, Any]]) -> str:
    """The target with the parameters: lists repeated, mappings as ``name[key]``."""
    pairs: List[Tuple[str, str]] = []
    for name, value in (query or {}).items():
        if isinstance(value, Mapping):
            pairs += [(f"{name}[{key}]", text_of(one)) for key, one in value.items()]
        elif isinstance(value, (list, tuple)):
            pairs += [(name, text_of(one)) for one in value]
        else:
            pairs.append((name, text_of(value)))
    return f"{target}?{urlencode(pairs)}" if pairs else target


def text_of(value: object) -> str:
    """A value as the query spells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def encoded(body: Optional[Mapping[str, Any]]) -> Optional[bytes]:
    """The body as JSON."""
    if body is None:
        return None
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
