"""Log lines: for people on a terminal, else one JSON object a line, always on standard error."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console


class Lines(logging.Handler):
    """Writes what is logged to a console. structlog is loaded with the first line: most calls log nothing."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self._form.format(record)
        except Exception:  # noqa: BLE001 - the way of logging handlers: a line that cannot be told stops nothing
            self.handleError(record)
            return
        self._console.print(Text.from_ansi(line), soft_wrap=True)

    @cached_property
    def _form(self) -> logging.Formatter:
        import structlog  # noqa: PLC0415 - see above

        human = self._console.is_terminal
        last: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
        if human:  # a trace without the values of variables: those may be people or secrets
            plain = structlog.dev.plain_traceback
            last = structlog.dev.ConsoleRenderer(colors=not self._console.no_color, exception_formatter=plain)
        stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S" if human else "iso", utc=not human, key="timestamp")
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                stamp,
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *([] if human else [structlog.processors.format_exc_info]),
                last,
            ],
        )


@contextmanager
def telling(log: logging.Logger) -> Iterator[None]:
    """Lets a log tell what is done, and not only what has gone wrong."""
    before = log.level
    log.setLevel(min(logging.INFO, log.getEffectiveLevel()))
    try:
        yield
    finally:
        log.setLevel(before)
