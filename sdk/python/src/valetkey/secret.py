"""A value that must not be seen."""


class Secret:
    """Text that neither ``repr`` nor ``str`` shows, nor what prints local variables."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def expose(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"
