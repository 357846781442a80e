import json
import tempfile
import threading
import unittest
from pathlib import Path
from typing import Any

import numpy as np
import tiny_bundle
from eagle_host.bundle import Bundle, BundleError
from eagle_host.engine import KeptLogits, Options, new_outputs, open_engine
from eagle_host.errors import HostError
from eagle_host.host import Host
from eagle_host.memory import HostMemory
from eagle_host.metrics import Metrics
from eagle_host.pool import KvPool
from eagle_host.requests import Limits, Step
from test_requests import target_step


class CountingEngine:
    """Answers with the step's own sizes: top_ids are the input's greatest id, logits row i is i everywhere."""

    runtime = "onnxruntime-cpu"
    runtime_version = "0"

    def __init__(self, bundle: Bundle, limits: Limits) -> None:
        self.graph_file = bundle.graph.file
        self.memory = HostMemory()
        self.pool = KvPool(self.memory, bundle.graph, limits.slots, limits.pool_rows)
        self.steps: list[Step] = []
        self.fails = False
        self._limits = limits

    def step(self, step: Step, logits: KeptLogits | None) -> dict[str, np.ndarray]:
        if self.fails:
            raise RuntimeError("out of memory")
        self.steps.append(step)
        outputs = new_outputs(step, self._limits)
        outputs["top_ids"][:] = step.inputs["input_ids"].max()
        if logits is not None:
            rows = step.batch * step.outputs
            full = np.repeat(np.arange(rows, dtype=np.float32)[:, None], logits.vocabulary, axis=1)
            self.memory.write(logits.room_for(rows), full)
        return outputs


class HostCase(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = tiny_bundle.write(Path(temporary.name))
        self.host, self.engine = self.open("target")

    def open(self, role: str) -> tuple[Host, CountingEngine]:
        bundle = Bundle(self.folder, role)
        limits = Limits.of(bundle, 4)
        engine = CountingEngine(bundle, limits)
        return Host(bundle, engine, limits, 60), engine

    def ask(self, inputs: dict[str, np.ndarray] | None = None, **parameters: Any) -> dict[str, np.ndarray]:
        return self.host.answer(parameters, inputs or {})

    def info(self, **parameters: Any) -> dict[str, Any]:
        info = self.ask(**parameters)["info"]
        self.assertEqual(info.shape, (1,))
        return json.loads(info[0])

    def step(self, client: str, inputs: dict[str, np.ndarray], number: int = 1, first_slot: int = 0,
             epoch: str | None = None) -> dict[str, np.ndarray]:
        return self.ask(inputs, client=client, epoch=epoch or self.host.epoch, first_slot=first_slot, step=number)

    def refused(self, sentence: str):
        return self.assertRaisesRegex(HostError, sentence)


class HostTest(HostCase):
    def test_its_manifest_says_what_a_client_must_know(self) -> None:
        manifest = self.info(operation="manifest")
        self.assertEqual({name: manifest[name] for name in ("protocol", "role", "model", "slots", "max_length", "max_rows",
                                                            "top_k", "vocabulary", "feature_size", "free_slots", "steps")},
                         {"protocol": 2, "role": "target", "model": "tiny", "slots": 4, "max_length": 32, "max_rows": 8,
                          "top_k": 5, "vocabulary": 50, "feature_size": 3, "free_slots": 4, "steps": 0})
        self.assertEqual(manifest["bundle_checksum"], Bundle(self.folder, "target").manifest["checksum"])
        self.assertEqual(manifest["graph_sha256"], Bundle(self.folder, "target").sha256("target/model.onnx"))
        self.assertGreater(manifest["free_memory_bytes"], 0)
        self.assertEqual(manifest["epoch"], self.host.epoch)

    def test_every_instance_has_an_epoch_of_its_own(self) -> None:
        self.assertNotEqual(self.host.epoch, self.open("target")[0].epoch)

    def test_a_step_answers_and_counts(self) -> None:
        self.info(operation="lease", client="me", slots=2)
        inputs = target_step()
        inputs["input_ids"][1, 2] = 99
        outputs = self.step("me", inputs)
        self.assertEqual({name: value.shape for name, value in outputs.items()},
                         {"top_ids": (2, 1, 5), "top_logits": (2, 1, 5), "log_z": (2, 1), "features": (2, 3, 3)})
        self.assertTrue((outputs["top_ids"] == 99).all())
        manifest = self.info(operation="manifest")
        self.assertEqual((manifest["steps"], manifest["rows"], manifest["free_slots"]), (1, 6, 2))

    def test_a_wrong_step_touches_nothing(self) -> None:
        self.info(operation="lease", client="me", slots=2)
        with self.refused("EAGLE_INVALID"):
            self.step("me", target_step(), first_slot=1)
        self.assertEqual(self.engine.steps, [])

    def test_a_renewal_takes_no_slots_of_a_new_pool(self) -> None:
        with self.refused("EAGLE_EPOCH_CHANGED: the pool of epoch beef is gone"):
            self.ask(operation="lease", client="me", slots=2, epoch="beef")
        self.assertEqual(self.info(operation="manifest")["free_slots"], 4)
        self.info(operation="lease", client="me", slots=2, epoch=self.host.epoch)
        self.assertEqual(self.info(operation="manifest")["free_slots"], 2)

    def test_a_step_of_another_epoch_or_without_a_lease_is_refused(self) -> None:
        with self.refused("EAGLE_LEASE_LOST"):
            self.step("me", target_step())
        self.info(operation="lease", client="me", slots=2)
        with self.refused("EAGLE_EPOCH_CHANGED: the pool of epoch beef is gone"):
            self.step("me", target_step(), epoch="beef")
        self.assertEqual(self.info(operation="release", client="me"), {"epoch": self.host.epoch})
        with self.refused("EAGLE_LEASE_LOST"):
            self.step("me", target_step())

    def test_two_clients_share_the_pool_and_keep_out_of_each_other(self) -> None:
        first = self.info(operation="lease", client="a", slots=2)
        second = self.info(operation="lease", client="b", slots=2)
        self.assertEqual((first["first_slot"], second["first_slot"]), (0, 2))
        self.step("b", target_step(), first_slot=2)
        with self.refused("not within the lease"):
            self.step("b", target_step(), first_slot=0)
        with self.refused("EAGLE_NO_SLOTS"):
            self.info(operation="lease", client="c", slots=1)

    def test_slots_that_change_hands_are_cleared_and_renewed_ones_are_not(self) -> None:
        self.info(operation="lease", client="a", slots=2)
        secret = np.full(self.engine.pool.shape(1), 7, np.float32)
        self.engine.memory.write(self.engine.pool.addresses(1)[0], secret)
        seen = np.empty_like(secret)
        self.info(operation="lease", client="a", slots=2)
        self.engine.memory.read(self.engine.pool.addresses(1)[0], seen)
        np.testing.assert_array_equal(seen, secret)
        self.info(operation="release", client="a")
        self.info(operation="lease", client="b", slots=2)
        self.engine.memory.read(self.engine.pool.addresses(1)[0], seen)
        self.assertFalse(seen.any())

    def test_copies_rows_within_a_lease(self) -> None:
        self.assertIs(self.info(operation="manifest")["copies_rows"], True)
        self.info(operation="lease", client="a", slots=1)
        lease = self.info(operation="lease", client="b", slots=2)
        pool, memory = self.engine.pool, self.engine.memory
        rows = np.arange(np.prod(pool.shape(1)), dtype=np.float32).reshape(pool.shape(1))
        memory.write(pool.addresses(lease["first_slot"])[0], rows)
        b = {"operation": "copy", "client": "b", "epoch": self.host.epoch}
        self.assertEqual(self.info(**b, source=1, slot=2, rows=5), {"epoch": self.host.epoch})
        held = pool.held(1)
        seen = np.empty_like(rows)
        memory.read(pool.addresses(2)[0], seen)
        np.testing.assert_array_equal(seen[:, :, :5], rows[:, :, :5])
        self.assertFalse(seen[:, :, 5:].any())
        for sentence, changes in (("not both within the lease of slots 1 to 2", {"source": 0}),
                                  ("not both within the lease", {"slot": 3}), ("two slots", {"slot": 1}),
                                  ("0 rows to copy", {"rows": 0}), (f"{held + 1} rows to copy", {"rows": held + 1}),
                                  ("rows is None", {"rows": None})):
            with self.subTest(sentence), self.refused(f"EAGLE_INVALID: .*{sentence}"):
                self.ask(**{**b, "source": 1, "slot": 2, "rows": 5, **changes})
        with self.refused("EAGLE_LEASE_LOST"):
            self.ask(**{**b, "client": "c"}, source=1, slot=2, rows=5)

    def test_the_logits_of_a_clients_last_step_can_be_had(self) -> None:
        self.info(operation="lease", client="a", slots=2)
        self.info(operation="lease", client="b", slots=2)
        self.step("a", target_step(2, 3, outputs=3), number=-5)
        self.step("b", target_step(2, 3, outputs=1), number=9, first_slot=2)
        rows = np.array([[1, 2], [0, 1]], np.int64)
        logits = self.ask({"logits_rows": rows}, operation="logits", client="a", epoch=self.host.epoch, step=-5)["logits"]
        self.assertEqual(logits.shape, (2, 50))
        self.assertEqual(logits[:, 0].tolist(), [5, 1])
        with self.refused("its last step is 9"):
            self.ask({"logits_rows": rows}, operation="logits", client="b", epoch=self.host.epoch, step=-5)

    def test_a_failed_step_says_so_and_leaves_no_logits(self) -> None:
        self.info(operation="lease", client="a", slots=2)
        self.step("a", target_step(), number=1)
        self.engine.fails = True
        with self.assertLogs("eagle_host", "ERROR"), self.refused("EAGLE_STEP_FAILED: onnxruntime-cpu failed: out of memory"):
            self.step("a", target_step(), number=2)
        with self.refused("none of its steps left logits"):
            self.ask({"logits_rows": np.zeros((1, 2), np.int64)}, operation="logits", client="a", epoch=self.host.epoch,
                     step=1)
        self.assertEqual(self.host.counts.failed_steps, 1)

    def test_a_draft_keeps_no_logits(self) -> None:
        self.host, self.engine = self.open("draft")
        self.info(operation="lease", client="a", slots=2)
        with self.refused("a draft has no logits"):
            self.ask(operation="logits", client="a", epoch=self.host.epoch, step=1)

    def test_refuses_wrong_parameters(self) -> None:
        for sentence, parameters in (("client is None", {"operation": "lease", "slots": 1}),
                                     ("client has 65 characters", {"operation": "release", "client": "c" * 65}),
                                     ("client has 0 characters", {"operation": "release", "client": ""}),
                                     ("slots is '2'", {"operation": "lease", "client": "a", "slots": "2"}),
                                     ("slots is True", {"operation": "lease", "client": "a", "slots": True}),
                                     ("epoch is None", {"client": "a", "first_slot": 0, "step": 1}),
                                     ("operation is fly", {"operation": "fly", "client": "a"})):
            with self.subTest(sentence), self.refused(f"EAGLE_INVALID: .*{sentence}"):
                self.ask(**parameters)

    def test_refuses_bundles_and_runtimes_that_do_not_fit(self) -> None:
        for sentence, changes in (("--update in-place", {"update": "functional"}), ("--for onnxruntime", {"target": "tensorrt"})):
            with self.subTest(sentence), self.assertRaisesRegex(BundleError, sentence):
                open_engine(Bundle(tiny_bundle.write(self.folder, **changes), "target"), Options())
        with self.assertRaisesRegex(ValueError, "runtime is abacus; choose one of onnxruntime-cpu"):
            open_engine(Bundle(self.folder, "target"), Options(runtime="abacus"))


class RecordedMetric:
    """A metric, and the family of itself."""

    COUNTER, GAUGE = "counter", "gauge"
    all: dict[str, "RecordedMetric"] = {}

    def __init__(self, name: str, description: str, kind: str) -> None:
        self.kind, self.value = kind, 0.0
        RecordedMetric.all[name] = self

    def Metric(self, labels: dict[str, str]) -> "RecordedMetric":
        self.labels = labels
        return self

    def increment(self, value: float) -> None:
        assert self.kind == "counter" and value > 0
        self.value += value

    def set(self, value: float) -> None:
        assert self.kind == "gauge"
        self.value = value


class RecordingTriton:
    MetricFamily = RecordedMetric


class MetricsTest(HostCase):
    def test_reports_what_has_changed(self) -> None:
        metrics = Metrics(RecordingTriton, self.host, "tiny_target")
        metrics.close()
        self.info(operation="lease", client="a", slots=3)
        for _ in range(2):
            self.step("a", target_step())
            metrics.report()
            metrics.report()
        values = {name: metric.value for name, metric in RecordedMetric.all.items()}
        self.assertEqual((values["eagle_host_steps_total"], values["eagle_host_rows_total"]), (2, 12))
        self.assertEqual((values["eagle_host_free_slots"], values["eagle_host_leases"]), (1, 1))
        self.assertAlmostEqual(values["eagle_host_step_seconds_total"], self.host.counts.step_seconds)
        self.assertEqual(RecordedMetric.all["eagle_host_leases"].labels, {"model": "tiny_target"})

    def test_can_be_read_while_clients_come_and_go(self) -> None:
        failures: list[BaseException] = []
        done = threading.Event()

        def read() -> None:
            try:
                while not done.is_set():
                    self.host.leases.free_slots()
                    self.host.leases.active()
            except BaseException as e:  # noqa: B902 - whatever ends the reader is what this test looks for
                failures.append(e)

        reader = threading.Thread(target=read)
        reader.start()
        for i in range(20_000):
            self.host.leases.take(f"client {i % 7}", 1)
            self.host.leases.release(f"client {(i + 4) % 7}")
        done.set()
        reader.join()
        self.assertEqual(failures, [])
