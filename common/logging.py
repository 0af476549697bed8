"""Logging: one event name and its fields a line, as JSON for machines or text for people."""

import logging
import sys

import structlog


def configure_logging(*, level: str, log_format: str) -> None:
    """Send every log line of this process to standard error; called once by an entry point.

    Args:
        level: Least level that is logged, e.g. "INFO".
        log_format: "json" or "console".
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        # Without the values of variables: they may be secrets or images.
        exception_formatter=structlog.dev.plain_traceback,
    )
    if log_format == "json":
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Who did what is told whatever else is left out (see web.access.audit).
    logging.getLogger("dentiq.audit").setLevel(logging.INFO)
