"""Lists that come in pages, item by item."""

from typing import (
    Any,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    List,
    Mapping,
    Optional,
    TypeVar,
)

Item = TypeVar("Item")
Marked = TypeVar("Marked", bound=Mapping[str, Any])


def by_page(fetch: Callable[[int], List[Item]], size: int) -> Iterator[Item]:
    """Everything on pages 0, 1, …; the first that is not full is the last."""
    page = 0
    while True:
        items = fetch(page)
        yield from items
        if len(items) < size:
            return
        page += 1


def by_after(
    fetch: Callable[[Optional[str]], List[Marked]], after: Optional[str]
) -> Iterator[Marked]:
    """Everything after an id, until nothing follows."""
    while True:
        items = fetch(after)
        if not items:
            return
        yield from items
        after = items[-1]["id"]


async def async_by_page(
    fetch: Callable[[int], Awaitable[List[Item]]], size: int
) -> AsyncIterator[Item]:
    """:func:`by_page` for asyncio."""
    page = 0
    while True:
        items = await fetch(page)
        for item in items:
            yield item
        if len(items) < size:
            return
        page += 1


async def async_by_after(
    fetch: Callable[[Optional[str]], Awaitable[List[Marked]]], after: Optional[str]
) -> AsyncIterator[Marked]:
    """:func:`by_after` for asyncio."""
    while True:
        items = await fetch(after)
        if not items:
            return
        for item in items:
            yield item
        after = items[-1]["id"]
