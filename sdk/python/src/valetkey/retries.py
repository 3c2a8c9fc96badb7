"""When a request is sent again, and how long to wait before."""

import random
import time
from email.utils import parsedate_to_datetime
from typing import NamedTuple, Optional

# Answers that say "not now", not "no".
AGAIN = (429, 502, 503, 504)
# The wait before the first repetition lies between none and this; each further one doubles it.
FIRST_WAIT_S = 0.5
WAIT_S_MAX = 8.0


class Retries(NamedTuple):
    """How often and how patiently GET requests are repeated. Others never are."""

    times_max: int
    """Repetitions after the first attempt."""
    retry_after_s_max: float
    """Longest wait that a server may ask for; a longer one is an error at once."""

    def wait_s(self, attempt: int, asked_s: Optional[float]) -> Optional[float]:
        """Seconds until the next attempt after this one, counted from 0. None: there is none."""
        if attempt >= self.times_max:
            return None
        if asked_s is not None and asked_s > self.retry_after_s_max:
            return None
        # Spread, so that clients which failed together do not come back together.
        spread_s = random.uniform(0, min(FIRST_WAIT_S * 2**attempt, WAIT_S_MAX))
        return (asked_s or 0.0) + spread_s


def retry_after_s(value: Optional[str]) -> Optional[float]:
    """A ``Retry-After`` header in seconds from now: it holds seconds, or a date."""
    if value is None:
        return None
    if value.isascii() and value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
