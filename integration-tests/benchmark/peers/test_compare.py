"""python3 -m unittest test_compare"""

import argparse
import json
import pathlib
import sys
import tempfile
import unittest

import compare

FAKE = """
import json, sys
print("a library says hello", flush=True)
print(json.dumps({"ready": True, "versions": {"fake": "1"}}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if request["variant"] == "breaks" and len(request["messages"]) > 1:
        print(json.dumps({"error": "it broke"}), flush=True)
        continue
    if request["variant"] == "dies":
        sys.exit("Error: out of memory")
    said = [message["content"] for message in request["messages"]]
    print(json.dumps({"tokens": request["tokens"], "timed": request["tokens"] - 1, "seconds": float(sys.argv[1]),
                      "prompt_tokens": len(request["text"]), "text": sys.argv[2] + " to " + " / ".join(said)
                      + "<|im_end|>more"}), flush=True)
"""


class CompareTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.workers = []
        self.not_measured = {}
        self.options = argparse.Namespace(home=self.folder, threads=1, tokens=11, rounds=2, minutes=0)

    def measure(self, prompts, *peers):
        try:
            compare.start(peers, self.options, self.workers, self.not_measured)
            return compare.measure(self.options, prompts, self.workers, self.not_measured)
        finally:
            for worker in self.workers:
                worker.close()

    def fake(self, name, seconds, *variants):
        return compare.Peer(name, [sys.executable, "-c", FAKE, str(seconds), name],
                            {variant: f"{name} {variant}" for variant in variants}, [])

    def test_rates_are_of_the_tokens_after_the_first(self):
        comparison, done = self.measure([compare.Prompt("a", "talk", ["hello"])], self.fake("ours", 0.5, "plain"),
                                        self.fake("theirs", 2, "plain"))
        rows = compare.summary(comparison.answers, ["ours plain", "theirs plain"], "ours plain")
        self.assertEqual(2, done)
        self.assertEqual([20, 5], [row["all"]["median"] for row in rows])
        self.assertEqual([[20, 20], [5, 5]], [row["rounds"] for row in rows])
        self.assertEqual([1, 4], [row["default_is_times_as_fast"] for row in rows])

    def test_every_peer_is_told_the_first_ones_earlier_answer_without_what_follows_its_end(self):
        comparison, _ = self.measure([compare.Prompt("a", "talk", ["hello", "and?"])], self.fake("ours", 1, "plain"),
                                     self.fake("theirs", 1, "plain"))
        lengths = {answer.prompt_tokens for answer in comparison.answers if answer.turn == 1}
        chat = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "ours to hello"},
                {"role": "user", "content": "and?"}]
        self.assertEqual({len(compare.rendered(chat))}, lengths)
        self.assertFalse(comparison.differing_prompts)

    def test_what_fails_once_is_named_and_not_compared(self):
        comparison, _ = self.measure([compare.Prompt("a", "talk", ["hello", "and?"])],
                                     self.fake("ours", 1, "plain", "breaks"), self.fake("theirs", 1, "dies"),
                                     compare.Peer("absent", ["/there/is/none"], {"plain": "absent"}, []))
        self.assertEqual({"ours plain"}, {answer.label for answer in comparison.answers})
        self.assertEqual("it broke", self.not_measured["ours breaks"])
        self.assertIn("out of memory", self.not_measured["theirs dies"])
        self.assertIn("is missing", self.not_measured["absent"])

    @unittest.skipUnless(sys.platform == "linux", "reads /proc")
    def test_a_peer_is_stopped_while_it_has_nothing_to_do(self):
        worker = compare.Worker(self.fake("ours", 1, "plain"), 1, self.folder)
        self.addCleanup(worker.close)
        worker.ask({"variant": "plain", "messages": [], "text": "", "tokens": 2})
        state = pathlib.Path(f"/proc/{worker.process.pid}/stat")
        self.assertEqual("T", state.read_text().rsplit(")", 1)[1].split()[0])

    def test_the_time_limit_ends_after_a_whole_prompt(self):
        self.options.minutes = 1e-9
        comparison, done = self.measure([compare.Prompt("a", "talk", ["hello"]), compare.Prompt("b", "talk", ["hello"])],
                                        self.fake("ours", 1, "plain"), self.fake("theirs", 1, "plain"))
        self.assertEqual(1, done)
        self.assertEqual(2, len(comparison.answers))

    def test_prompts_come_task_by_task_so_that_a_short_run_meets_all_tasks(self):
        file = self.folder / "question.jsonl"
        lines = [{"question_id": 81, "category": "writing", "turns": ["1"]},
                 {"question_id": 82, "category": "writing", "turns": ["2"]},
                 {"id": "m", "task": "maths", "turns": ["3", "4"]}]
        file.write_text("\n".join(map(json.dumps, lines)) + "\n")
        self.assertEqual(["81", "m", "82"], [prompt.id for prompt in compare.read_prompts(file, 0)])
        self.assertEqual(["81", "m"], [prompt.id for prompt in compare.read_prompts(file, 1)])

    def test_the_verdict_names_who_is_faster(self):
        def row(label, rate):
            return {"label": label, "all": {"median": rate}}

        said = compare.verdict([row("quarkus-eagle none", 50), row("quarkus-eagle eagle2", 60), row("other", 55),
                                row("another", 70)])
        self.assertIn("faster are another (70.0).", said)
        self.assertNotIn("other (55", said)


if __name__ == "__main__":
    unittest.main()
