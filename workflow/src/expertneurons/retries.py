"""Retries: how often a server is asked again, and how long to wait before."""

import email.utils
import time

ATTEMPTS = 4
PAUSE = 2.0
LONGEST = 120.0  # a server may ask for hours


def pause(number: int, retry_after: str = "") -> float:
    """Seconds to wait after attempt `number`, from 1: doubled each time, longer where Retry-After says so, capped."""
    return min(LONGEST, max(PAUSE * 2.0 ** (number - 1), _retry_after(retry_after)))


def _retry_after(told: str) -> float:
    """Seconds that the header asks for, which is a number of them or a date; 0 where it says neither."""
    if told.isascii() and told.isdigit():
        return float(told[:9])
    try:
        return email.utils.parsedate_to_datetime(told).timestamp() - time.time()
    except ValueError:
        return 0
