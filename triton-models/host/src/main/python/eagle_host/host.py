"""The service: one engine, its leases and its epoch, as the wire protocol has it. Knows no Triton."""

from __future__ import annotations

import json
import logging
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .bundle import Bundle
from .engine import Engine, KeptLogits, Options, open_engine
from .errors import Code, HostError, invalid
from .leases import Lease, Leases
from .requests import Limits, Step, read_logits_rows, read_step
from .tree import draft_tree, read_tree

PROTOCOL = 2
_LONGEST_CLIENT = 64
_WARM_UP_ROWS = (2, 8, 32)
_LOG = logging.getLogger("eagle_host")


@dataclass
class Counts:
    """What the host has done since it started; times are seconds."""

    steps: int = 0
    rows: int = 0
    step_seconds: float = 0.0
    failed_steps: int = 0


@dataclass
class KeptStep:
    """What the host keeps of a client's last step: its number, its size, and its logits where the engine left them."""

    logits: KeptLogits
    number: int | None = None
    batch: int = 0
    outputs: int = 0


class Host:
    """Answers requests one at a time."""

    def __init__(self, bundle: Bundle, engine: Engine, limits: Limits, lease_seconds: float) -> None:
        self._bundle = bundle
        self._engine = engine
        self._limits = limits
        self.leases = Leases(limits.slots, lease_seconds)
        self.epoch = secrets.token_hex(8)
        self.counts = Counts()

    @staticmethod
    def open(folder: Path, role: str, options: Options, lease_seconds: float) -> Host:
        """Verifies the bundle, loads its engine and runs it warm."""
        bundle = Bundle(folder, role)
        bundle.verify()
        engine = open_engine(bundle, options)
        host = Host(bundle, engine, Limits.of(bundle, options.slots or bundle.manifest["slots"]), lease_seconds)
        host._warm_up()
        return host

    def answer(self, parameters: dict[str, Any], inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Serves one request: its parameters and input tensors by name; returns the output tensors by name."""
        operation = parameters.get("operation", "step")
        if operation == "manifest":
            return _info(self._manifest())
        client = _text(parameters, "client")
        if not 1 <= len(client) <= _LONGEST_CLIENT:
            raise invalid(f"client has {len(client)} characters; it must have 1 to {_LONGEST_CLIENT}")
        if operation == "step":
            return self._step(self._lease(client, parameters), parameters, inputs)
        if operation == "tree":
            return self._tree(self._lease(client, parameters), parameters, inputs)
        if operation == "logits":
            return self._logits(self._lease(client, parameters), parameters, inputs)
        if operation == "copy":
            return self._copy(self._lease(client, parameters), parameters)
        if operation == "lease":
            if "epoch" in parameters:
                self._require_epoch(parameters)
            return _info(self._take_lease(client, _integer(parameters, "slots")))
        if operation == "release":
            self.leases.release(client)
            return _info({"epoch": self.epoch})
        raise invalid(f"operation is {operation}; there are step, tree, logits, copy, manifest, lease and release")

    def _manifest(self) -> dict[str, Any]:
        manifest = self._bundle.manifest
        return {"protocol": PROTOCOL, "role": self._bundle.role, "model": self._bundle.name, "epoch": self.epoch,
                "bundle_checksum": manifest["checksum"], "graph": self._engine.graph_file,
                "graph_sha256": self._bundle.sha256(self._engine.graph_file), "precision": manifest["precision"],
                "update": manifest["update"], "slots": self._limits.slots, "max_length": self._limits.max_length,
                "max_rows": self._limits.max_rows, "top_k": self._limits.top_k, "vocabulary": self._limits.vocabulary,
                "feature_size": self._limits.feature_size, "runtime": self._engine.runtime,
                "runtime_version": self._engine.runtime_version, "free_slots": self.leases.free_slots(),
                "free_memory_bytes": self._engine.memory.free_bytes(), "lease_seconds": self.leases.seconds,
                "copies_rows": True, "steps": self.counts.steps, "rows": self.counts.rows}

    def _take_lease(self, client: str, slots: int) -> dict[str, Any]:
        lease = self.leases.take(client, slots)
        if lease.kept is None:
            # The slots are new to this client: whatever another one left there is not for its eyes.
            self._engine.pool.clear(lease.first_slot, lease.slots)
            lease.kept = KeptStep(KeptLogits(self._engine.memory, self._limits.vocabulary))
        return {"epoch": self.epoch, "first_slot": lease.first_slot, "slots": lease.slots,
                "lease_seconds": self.leases.seconds}

    def _require_epoch(self, parameters: dict[str, Any]) -> None:
        if _text(parameters, "epoch") != self.epoch:
            raise HostError(Code.EPOCH_CHANGED, f"the pool of epoch {parameters['epoch']} is gone, this is {self.epoch};"
                                                " lease again and replay")

    def _lease(self, client: str, parameters: dict[str, Any]) -> Lease:
        self._require_epoch(parameters)
        return self.leases.of(client)

    def _step(self, lease: Lease, parameters: dict[str, Any], inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        number = _integer(parameters, "step")
        step = read_step(inputs, _integer(parameters, "first_slot"), self._limits, lease)
        kept: KeptStep = lease.kept
        kept.number = None
        outputs = self._run(step, kept.logits if self._limits.target else None)
        kept.number, kept.batch, kept.outputs = number, step.batch, step.outputs
        return outputs

    def _tree(self, lease: Lease, parameters: dict[str, Any], inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if self._limits.target:
            raise invalid("a target drafts no trees")
        extension = read_step(inputs, _integer(parameters, "first_slot"), self._limits, lease)
        return draft_tree(read_tree(inputs, extension, self._limits), self._limits, lambda step: self._run(step, None))

    def _run(self, step: Step, logits: KeptLogits | None) -> dict[str, np.ndarray]:
        started = time.perf_counter()
        try:
            outputs = self._engine.step(step, logits)
        except Exception as e:
            self.counts.failed_steps += 1
            _LOG.exception("a step of %d sequences with %d rows failed", step.batch, step.rows)
            raise HostError(Code.STEP_FAILED, f"{self._engine.runtime} failed: {e}; the rows of slots {step.first_slot} to"
                                              f" {step.first_slot + step.batch - 1} are in doubt") from e
        self.counts.step_seconds += time.perf_counter() - started
        self.counts.steps += 1
        self.counts.rows += step.batch * step.rows
        return outputs

    def _logits(self, lease: Lease, parameters: dict[str, Any], inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if not self._limits.target:
            raise invalid("a draft has no logits to fetch")
        kept: KeptStep = lease.kept
        number = _integer(parameters, "step")
        if kept.number is None or number != kept.number:
            last = "none of its steps left logits" if kept.number is None else f"its last step is {kept.number}"
            raise invalid(f"the logits of step {number} are not kept: {last}")
        return {"logits": kept.logits.rows(read_logits_rows(inputs, kept.batch, kept.outputs))}

    def _copy(self, lease: Lease, parameters: dict[str, Any]) -> dict[str, np.ndarray]:
        source, slot, rows = (_integer(parameters, name) for name in ("source", "slot", "rows"))
        if any(not lease.first_slot <= each < lease.first_slot + lease.slots for each in (source, slot)):
            raise invalid(f"slots {source} and {slot} are not both within the lease of slots {lease.first_slot} to"
                          f" {lease.first_slot + lease.slots - 1}")
        held = self._engine.pool.held(source)
        if source == slot or not 1 <= rows <= held:
            raise invalid(f"{rows} rows to copy from slot {source} to {slot}; two slots and 1 to {held} rows"
                          " are wanted")
        try:
            self._engine.pool.copy(source, slot, rows)
        except Exception as e:
            _LOG.exception("copying %d rows failed", rows)
            raise HostError(Code.STEP_FAILED, f"{self._engine.runtime} failed to copy: {e}; the rows of slot {slot} are in"
                                              " doubt") from e
        return _info({"epoch": self.epoch})

    def _warm_up(self) -> None:
        """Runs steps of a few sizes before anybody waits for one: the first of a size is slow."""
        logits = KeptLogits(self._engine.memory, self._limits.vocabulary) if self._limits.target else None
        for rows in _WARM_UP_ROWS:
            if rows <= self._limits.max_rows:
                self._engine.step(self._padding_step(rows), logits)

    def _padding_step(self, rows: int) -> Step:
        """A step of padding rows in the first slot: token 0 at position 0, each row seeing itself."""
        inputs = {"input_ids": np.zeros((1, rows), np.int64), "position_ids": np.zeros((1, rows), np.int64),
                  "window_start": np.zeros(1, np.int64), "window_mask": np.eye(rows, dtype=np.bool_)[None],
                  "output_rows": np.arange(rows, dtype=np.int64)[None]}
        if not self._limits.target:
            inputs["features"] = np.zeros((1, rows, self._limits.feature_size), np.float32)
            inputs["write_offset"] = np.zeros(1, np.int64)
        return read_step(inputs, 0, self._limits, Lease("", 0, 1, 0.0))


def _info(document: dict[str, Any]) -> dict[str, np.ndarray]:
    """The output ``info`` [1]: one JSON document."""
    return {"info": np.array([json.dumps(document).encode("utf-8")], np.object_)}


def _text(parameters: dict[str, Any], name: str) -> str:
    value = parameters.get(name)
    if not isinstance(value, str):
        raise invalid(f"the request's parameter {name} is {value!r}; it must be a string")
    return value


def _integer(parameters: dict[str, Any], name: str) -> int:
    value = parameters.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(f"the request's parameter {name} is {value!r}; it must be an integer")
    return value
