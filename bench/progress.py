"""What a person sees while a run works: one moving line on a terminal, plain lines
elsewhere (at most one every few seconds, so that a log stays readable)."""

import sys
import time
from typing import TextIO

PLAIN_PERIOD_S = 10.0
WIDTH = 78


class Terminal:
    """Progress on a stream (standard error: standard output is for results)."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._began_s = time.monotonic()
        self._last_plain_s = float("-inf")
        self._last_text = ""
        self.prefix = ""

    def __call__(self, text: str) -> None:
        """Replace the moving line; plain streams get one now and then."""
        line = f"{self._clock()} {self.prefix}{text}"
        if self._is_terminal:
            self._stream.write("\r" + line[:WIDTH].ljust(WIDTH))
            self._stream.flush()
            return
        now_s = time.monotonic()
        if now_s - self._last_plain_s >= PLAIN_PERIOD_S:
            self._last_plain_s = now_s
            print(line, file=self._stream, flush=True)

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._is_terminal:
            self._stream.write("\r" + " " * WIDTH + "\r")
        print(f"{self._clock()} {self.prefix}{text}", file=self._stream, flush=True)

    def _clock(self) -> str:
        elapsed_s = int(time.monotonic() - self._began_s)
        return f"[{elapsed_s // 60}:{elapsed_s % 60:02d}]"
