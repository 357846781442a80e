"""The engine host as a model of Triton's Python backend: translates requests and answers, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

from eagle_host.engine import Options
from eagle_host.errors import Code, HostError
from eagle_host.host import Host
from eagle_host.metrics import Metrics

_STATUS = {Code.EPOCH_CHANGED: "NOT_FOUND", Code.LEASE_LOST: "NOT_FOUND", Code.NO_SLOTS: "UNAVAILABLE",
           Code.INVALID: "INVALID_ARG", Code.STEP_FAILED: "INTERNAL"}
"""Names of Triton's error codes: the backend brings the codes themselves only after it has read this file."""


class TritonPythonModel:
    """One instance, one engine, one pool; a new instance has a new epoch."""

    def initialize(self, args: dict[str, str]) -> None:
        config = json.loads(args["model_config"])
        parameters = {name: value["string_value"] for name, value in config["parameters"].items()}
        device_id = int(args["model_instance_device_id"]) if args["model_instance_kind"] == "GPU" else 0
        options = Options(runtime=parameters["runtime"], slots=int(parameters.get("slots", "0")),
                          threads=int(parameters.get("threads", "0")), spinning=parameters.get("spinning") == "true",
                          device_id=device_id)
        # The version's folder is where a relative path begins; an absolute one stands for itself.
        folder = Path(args["model_repository"]) / args["model_version"] / parameters["bundle"]
        self._host = Host.open(folder, parameters["role"], options, float(parameters.get("lease_seconds", "60")))
        # Servers before 23.05 have no metrics of models.
        self._metrics = Metrics(pb_utils, self._host, args["model_name"]) if hasattr(pb_utils, "MetricFamily") else None

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        try:
            inputs = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
            outputs = self._host.answer(json.loads(request.parameters()), inputs)
        except HostError as e:
            return pb_utils.InferenceResponse(
                error=pb_utils.TritonError(str(e), getattr(pb_utils.TritonError, _STATUS[e.code])))
        wanted = request.requested_output_names()
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, value) for name, value in outputs.items() if name in wanted])

    def finalize(self) -> None:
        if self._metrics is not None:
            self._metrics.close()
