"""From the name of a tracer to the tracer."""

from node.execution.executor import TOUCH_TRACER, TracerConfig
from node.execution.reference.tracing.calltree import CallTracer
from node.execution.reference.tracing.stepping import TraceError, Tracer
from node.execution.reference.tracing.structlog import StructLogger
from node.execution.reference.tracing.touching import TouchTracer


def tracer_for(config: TracerConfig, gas_limit: int) -> Tracer:
    """A fresh tracer; `gas_limit` is the transaction's. Raises TraceError."""
    if config.name in ("", "structLogger"):
        return StructLogger(config.options)
    if config.name == "callTracer":
        return CallTracer(config.options, gas_limit)
    if config.name == TOUCH_TRACER:
        return TouchTracer(gas_limit)
    raise TraceError(
        f"tracer {config.name!r} is not known: leave it out for the struct logger, or "
        "name callTracer"
    )
