"""Client of a Valetkey server, and verification of the webhooks it sends.

>>> from valetkey import Valetkey
>>> client = Valetkey(host="https://connect.example.com", api_key="vk_…")  # doctest: +SKIP
>>> client.connections.get("…", provider_config_key="github")  # doctest: +SKIP
"""

from . import webhooks
from .api import models
from .client import AsyncValetkey, Valetkey
from .errors import Issue, ValetkeyConnectionError, ValetkeyError
from .proxied import Answer, AsyncAnswer
from .version import __version__

__all__ = [
    "Answer",
    "AsyncAnswer",
    "AsyncValetkey",
    "Issue",
    "Valetkey",
    "ValetkeyConnectionError",
    "ValetkeyError",
    "__version__",
    "models",
    "webhooks",
]
