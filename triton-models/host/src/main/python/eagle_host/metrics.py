"""The host's own figures beside Triton's, at Triton's metrics port."""

from __future__ import annotations

import threading
from typing import Any

from .host import Host

_PERIOD_SECONDS = 1.0


class Metrics:
    """Reports a host's counts once a second, from a thread of its own: every report is a message to the server, which a step
    should not wait for."""

    def __init__(self, triton: Any, host: Host, model: str) -> None:
        """``triton`` is the backend's triton_python_backend_utils, ``model`` the label of all figures."""
        self._host = host
        labels = {"model": model}
        family = triton.MetricFamily
        # A metric lives as long as its family.
        self._families = {
            name: family(name=f"eagle_host_{name}", description=description, kind=kind)
            for name, description, kind in (
                ("steps_total", "Steps that the engine ran", family.COUNTER),
                ("failed_steps_total", "Steps that failed in the engine's runtime", family.COUNTER),
                ("rows_total", "Rows of all steps", family.COUNTER),
                ("step_seconds_total", "Seconds spent inside the engine", family.COUNTER),
                ("free_slots", "Slots of the KV pool that a client could lease now", family.GAUGE),
                ("leases", "Leases that have not expired", family.GAUGE))}
        self._metrics = {name: family.Metric(labels=labels) for name, family in self._families.items()}
        self._reported = dict.fromkeys(self._metrics, 0.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="eagle-metrics", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(_PERIOD_SECONDS):
            self.report()

    def report(self) -> None:
        """Sends what has changed since the last report."""
        counts = self._host.counts
        now = {"steps_total": counts.steps, "failed_steps_total": counts.failed_steps, "rows_total": counts.rows,
               "step_seconds_total": counts.step_seconds, "free_slots": self._host.leases.free_slots(),
               "leases": self._host.leases.active()}
        for name, value in now.items():
            if value != self._reported[name]:
                if name.endswith("_total"):
                    self._metrics[name].increment(value - self._reported[name])
                else:
                    self._metrics[name].set(value)
                self._reported[name] = value

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
