#!/usr/bin/env python3
"""Runs the same prompts through this project and what could be used instead, in turns, and writes a table.

Every peer is a process of its own that answers requests as lines of JSON (README.md). One works at a time; the others are
stopped, so that threads which spin while they wait take nothing from it.
"""

import argparse
import collections
import ctypes
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import queue
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[2]
OWN_PROMPTS = PROJECT / "tensorrt-build/cli/src/main/resources/io/quarkiverse/eagle/cli/bench/prompts.jsonl"
DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
END_OF_TURN = "<|im_end|>"

START_LIMIT = 900
ANSWER_LIMIT = 600
WARM_UP_TOKENS = 32
PR_SET_PDEATHSIG = 1

OURS = "quarkus-eagle"
OURS_DEFAULT = f"{OURS} eagle2"


class PeerFailure(Exception):
    """Why a peer cannot be measured."""


@dataclasses.dataclass
class Peer:
    """A process, and the ways to decode that it offers: the request's name of each, with the table's."""

    name: str
    command: list
    variants: dict
    needs: list
    setup_log: str = ""


@dataclasses.dataclass
class Variant:
    label: str
    worker: "Worker"
    name: str


@dataclasses.dataclass
class Prompt:
    id: str
    task: str
    turns: list


@dataclasses.dataclass
class Answer:
    round: int
    prompt: str
    turn: int
    task: str
    label: str
    tokens: int
    timed: int
    seconds: float
    prompt_tokens: int
    same_text: bool = True

    @property
    def rate(self):
        return self.timed / self.seconds


def peers(home, threads, scratch):
    """What is compared, in the order of the table. The first is the one that writes a chat's earlier answers."""
    model = str(home / "model/SmolLM2-135M-Instruct.Q4_1.gguf")
    q8 = str(home / "model/SmolLM2-135M-Instruct.Q8_0.gguf")
    classes = f"{HERE}/target/*:{HERE}/target/lib/*"
    java_home = os.environ.get("JAVA_HOME")
    java = [str(pathlib.Path(java_home, "bin/java")) if java_home else "java", "-cp", classes]
    package = "io.quarkiverse.eagle.benchmark.peers"
    built = str(HERE / "target/lib")

    def python(venv, worker, *arguments):
        return [str(home / f"venvs/{venv}/bin/python"), str(HERE / f"workers/{worker}.py"), str(threads), *arguments]

    def lookup(label, *sizes):
        return {f"lookup-{size}": f"{label}, prompt lookup {size}" for size in sizes}

    result = [
        Peer("quarkus-eagle", [*java, f"{package}.EagleWorker", str(threads), str(scratch / "endless")],
             {drafter: f"{OURS} {drafter}" for drafter in ("none", "eagle2", "pld", "mixed")}, [built], "java")
    ]
    for label, file in (("Q4_1", model), ("Q8_0", q8)):
        name = f"llama.cpp {label}"
        venv = "llama-cpp-python"
        result.append(Peer(name, python(venv, "llama_cpp_worker", file, "plain"), {"plain": name}, [file], venv))
        result.append(Peer(f"{name} lookup", python(venv, "llama_cpp_worker", file, "lookup"), lookup(name, 2, 10), [file],
                           venv))
    for label, file in (("Q4_1", model), ("Q8_0", q8)):
        name = f"llama.cpp Java binding {label}"
        result.append(Peer(name, [*java, f"{package}.LlamaJavaWorker", str(threads), file], {"plain": name},
                           [built, file], "java"))
    for label, file in (("Q4_1", model), ("Q8_0", q8)):
        name = f"OpenVINO GenAI {label}"
        venv = "openvino-genai"
        result.append(Peer(name, python(venv, "openvino_worker", file, "plain"), {"plain": name}, [file], venv))
        result.append(Peer(f"{name} lookup", python(venv, "openvino_worker", file, "lookup"), lookup(name, 5), [file], venv))
    for precision, short in (("float32", "fp32"), ("bfloat16", "bf16")):
        name = f"transformers {short}"
        result.append(Peer(name, python("transformers", "transformers_worker", model, precision),
                           {"plain": name, **lookup(name, 10)}, [model], "transformers"))
    return result


def end_with_parent():
    """A stopped process would not notice that nobody is there any more; Linux ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Worker:
    """A peer's running process. It is stopped whenever it has nothing to do."""

    def __init__(self, peer, threads, logs):
        self.peer = peer
        self.log = logs / (peer.name.replace(" ", "-") + ".log")
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
        with open(self.log, "wb") as log:
            try:
                self.process = subprocess.Popen(peer.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                                env=environment, start_new_session=True,
                                                preexec_fn=end_with_parent)
            except OSError as e:
                raise PeerFailure(str(e)) from e
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        try:
            self.versions = self._next(START_LIMIT)["versions"]
            self._stop()
        except BaseException:
            self.close()
            raise

    def _read(self):
        """Libraries may print among the answers, which are objects on lines of their own."""
        for line in self.process.stdout:
            if line.startswith(b"{"):
                try:
                    self.lines.put(json.loads(line))
                except ValueError:
                    pass
        self.lines.put(None)

    def _next(self, limit):
        try:
            fields = self.lines.get(timeout=limit)
        except queue.Empty:
            raise PeerFailure(f"no answer within {limit} seconds") from None
        if fields is None:
            status = self.process.wait()
            ended = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
            raise PeerFailure(f"the process {ended}; its last words: {self._last_words()}")
        if "error" in fields:
            raise PeerFailure(fields["error"])
        return fields

    def _last_words(self):
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        causes = [line for line in lines if "Error" in line or "Exception" in line]
        return (causes or lines or ["it said nothing"])[-1][:300]

    def ask(self, request):
        """:raises PeerFailure: where there is no usable answer"""
        self._signal(signal.SIGCONT)
        try:
            self.process.stdin.write((json.dumps(request) + "\n").encode())
            self.process.stdin.flush()
            return self._next(ANSWER_LIMIT)
        except OSError as e:
            raise PeerFailure(f"the process is gone; its last words: {self._last_words()}") from e
        finally:
            self._stop()

    def _stop(self):
        """Returns when no thread of it runs any more, so that the next peer has the machine."""
        self._signal(signal.SIGSTOP)
        if self.process.returncode is None:
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def _signal(self, number):
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def close(self):
        self._signal(signal.SIGCONT)
        try:
            self.process.stdin.close()
        except OSError:
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.process.wait()
        self.reader.join()
        self.process.stdout.close()


class Progress:
    """A bar where there is a terminal, otherwise a line for each prompt."""

    WIDTH = 24

    def __init__(self, steps, limit):
        self.steps = steps
        self.limit = limit
        self.done = 0
        self.start = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def step(self, text, line=False):
        elapsed = time.monotonic() - self.start
        share = max(self.done / self.steps, min(1, elapsed / self.limit) if self.limit else 0)
        filled = int(self.WIDTH * share)
        times = f"{clock(elapsed)} of at most {clock(self.limit)}" if self.limit else clock(elapsed)
        bar = f"[{'#' * filled}{'.' * (self.WIDTH - filled)}] {times}  {text}"
        if self.terminal:
            columns = shutil.get_terminal_size().columns
            sys.stderr.write("\r" + bar[:columns - 1].ljust(columns - 1))
            sys.stderr.flush()
        elif line:
            print(bar, file=sys.stderr, flush=True)

    def end(self):
        if self.terminal:
            sys.stderr.write("\n")


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def read_prompts(file, limit):
    """Prompts of the `question.jsonl` form, the first of every task first, at most `limit` of each (0 for all)."""
    by_task = collections.OrderedDict()
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            turns = fields["turns"]
        except (ValueError, KeyError, TypeError) as e:
            sys.exit(f"{file}, line {number}: expected an object with \"turns\", found {line[:60]!r} ({e})")
        task = fields.get("task", fields.get("category", "all"))
        name = str(fields.get("id", fields.get("question_id", f"line-{number}")))
        by_task.setdefault(task, []).append(Prompt(name, task, turns))
    if not by_task:
        sys.exit(f"{file} has no prompts")
    most = max(len(each) for each in by_task.values())
    return [each[i] for i in range(min(limit, most) if limit else most) for each in by_task.values() if i < len(each)]


def rendered(messages):
    """The chat as the model's own template renders it."""
    parts = [{"role": "system", "content": DEFAULT_SYSTEM}, *messages]
    text = "".join(f"<|im_start|>{part['role']}\n{part['content']}{END_OF_TURN}\n" for part in parts)
    return text + "<|im_start|>assistant\n"


class Comparison:

    def __init__(self, variants, tokens):
        self.variants = variants
        self.tokens = tokens
        self.answers = []
        self.failures = {}
        self.differing_prompts = set()

    def _ask(self, variant, messages, tokens):
        fields = variant.worker.ask({"variant": variant.name, "messages": messages, "text": rendered(messages),
                                     "tokens": tokens})
        if tokens > 1 and (fields["timed"] < 1 or fields["seconds"] <= 0):
            raise PeerFailure(f"only {fields['tokens']} of {tokens} tokens came, none of them timed")
        return fields

    def _drop(self, variant, failure):
        """What failed once is not compared, as it would have met other prompts than the others."""
        self.variants.remove(variant)
        self.answers = [answer for answer in self.answers if answer.label != variant.label]
        self.failures[variant.label] = str(failure)

    def warm_up(self, prompt, progress):
        for variant in list(self.variants):
            progress.step(f"warming up {variant.label}")
            try:
                self._ask(variant, [{"role": "user", "content": prompt.turns[0]}], WARM_UP_TOKENS)
            except PeerFailure as e:
                self._drop(variant, e)

    def run_prompt(self, round_number, number, prompt, progress, where):
        """All turns of a prompt. Every peer is told the same chat: its earlier answers are those of the first variant."""
        messages = []
        for turn, said in enumerate(prompt.turns):
            messages.append({"role": "user", "content": said})
            turns = list(self.variants)
            first = (round_number + number + turn) % max(1, len(turns))
            answered = {}
            for variant in turns[first:] + turns[:first]:
                progress.step(f"{where}: {variant.label}")
                try:
                    answered[variant.label] = self._ask(variant, messages, self.tokens)
                except PeerFailure as e:
                    self._drop(variant, e)
                progress.done += 1 / len(prompt.turns) / len(turns)
            self._note(round_number, prompt, turn, answered)
            if not self.variants:
                return
            text = answered[self.variants[0].label]["text"]
            messages.append({"role": "assistant", "content": text.split(END_OF_TURN)[0]})

    def _note(self, round_number, prompt, turn, answered):
        kept = {variant.label: variant for variant in self.variants}
        texts = {}
        for label in kept:
            fields = answered[label]
            plain = texts.setdefault(plain_label(label, kept), fields["text"])
            self.answers.append(Answer(round_number, prompt.id, turn, prompt.task, label, fields["tokens"], fields["timed"],
                                       fields["seconds"], fields["prompt_tokens"], fields["text"] == plain))
        lengths = collections.Counter(answered[label]["prompt_tokens"] for label in kept)
        if len(lengths) > 1:
            usual = lengths.most_common(1)[0][0]
            self.differing_prompts |= {label for label in kept if answered[label]["prompt_tokens"] != usual}


def plain_label(label, labels):
    """The variant of the same peer and weights that drafts nothing."""
    plain = f"{OURS} none" if label.startswith(OURS) else label.split(", prompt lookup")[0]
    return plain if plain in labels else label


def summary(answers, labels, default):
    """Rates of each variant, over all prompts and by task; in tokens a second."""
    by_label = {label: [answer for answer in answers if answer.label == label] for label in labels}
    reference = {(a.round, a.prompt, a.turn): a.rate for a in by_label.get(default, [])}
    tasks = list(dict.fromkeys(answer.task for answer in answers))
    result = []
    for label, own in by_label.items():
        times = [reference[key] / a.rate for a in own if (key := (a.round, a.prompt, a.turn)) in reference]
        rounds = collections.defaultdict(list)
        for answer in own:
            rounds[answer.round].append(answer)
        result.append({
            "label": label,
            "answers": len(own),
            "tokens": sum(answer.tokens for answer in own),
            "all": spread([answer.rate for answer in own]),
            "rounds": [round(sum(a.timed for a in each) / sum(a.seconds for a in each), 2) for each in rounds.values()],
            "default_is_times_as_fast": round(statistics.median(times), 3) if times else None,
            "text_as_plain": sum(answer.same_text for answer in own),
            "tasks": {task: spread([a.rate for a in own if a.task == task]) for task in tasks},
        })
    return result


def spread(rates):
    return {"median": round(statistics.median(rates), 2), "min": round(min(rates), 2), "max": round(max(rates), 2)}


def machine():
    cpu, flags = platform.processor() or "unknown", ""
    information = pathlib.Path("/proc/cpuinfo")
    if information.exists():
        fields = dict(line.split(":", 1) for line in information.read_text().splitlines() if ":" in line)
        fields = {name.strip(): value.strip() for name, value in fields.items()}
        cpu = fields.get("model name", cpu)
        wanted = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8")
        flags = " ".join(flag for flag in wanted if flag in fields.get("flags", "").split())
    return {"cpu": cpu, "flags": flags, "cores": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}"}


def commit():
    found = subprocess.run(["git", "-C", str(PROJECT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else "unknown"


def verdict(rows):
    """Who is ahead, as sentences."""
    ours = [row for row in rows if row["label"].startswith(OURS)]
    others = [row for row in rows if not row["label"].startswith(OURS)]
    if not ours or not others:
        return "There is nothing to compare: " + ("no other peer ran." if ours else "this project did not run.")

    def listed(found):
        return ", ".join(f"{row['label']} ({row['all']['median']:.1f})" for row in found)

    sentences = []
    best = max(ours, key=lambda row: row["all"]["median"])
    for row in dict.fromkeys((OURS_DEFAULT, best["label"])):
        own = next((each for each in ours if each["label"] == row), None)
        if own is None:
            continue
        what = "the default" if row == OURS_DEFAULT else "the fastest of this project's"
        faster = sorted((each for each in others if each["all"]["median"] > own["all"]["median"]),
                        key=lambda each: -each["all"]["median"])
        said = f"faster are {listed(faster)}" if faster else "no other peer was faster"
        sentences.append(f"`{row}`, {what}, made {own['all']['median']:.1f} tokens/s in the median; {said}.")
    return " ".join(sentences)


def markdown(report):
    machine_, rows = report["machine"], report["peers"]
    tasks = list(rows[0]["tasks"]) if rows else []
    lines = [
        "# Against what could be used instead",
        "",
        f"Decoding speed of one sequence, greedy, {report['threads']} threads, in tokens/s from the first token to the last,"
        " the prompt's time left out. Written by `integration-tests/benchmark/peers/compare.sh`; how it measures stands in"
        " [its README](../../integration-tests/benchmark/peers/README.md).",
        "",
        verdict(rows),
        "",
        f"{machine_['cpu']} ({machine_['flags'] or 'no flags told'}), {machine_['cores']} cores, {machine_['system']};"
        f" load average {report['load_before']:.2f} before and {report['load_after']:.2f} after; {report['date']};"
        f" commit {report['commit']}.",
        "",
        f"SmolLM2-135M-Instruct. Prompts: {report['prompts']}, {report['prompts_done']}; {report['tokens']} tokens each, after"
        " the end of the text as well. Every peer ran on every one of these.",
        "",
        "```shell",
        report["command"],
        "```",
        "",
        "| | tokens/s: median (min–max of answers) | whole rounds | `eagle2` is … times as fast | text as plain's |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        rounds = row["rounds"][:report["rounds_done"]]
        between = f"{min(rounds):.1f}–{max(rounds):.1f}" if len(rounds) > 1 else f"{rounds[0]:.1f}" if rounds else "–"
        times = "–" if row["default_is_times_as_fast"] is None else f"{row['default_is_times_as_fast']:.2f}"
        lines.append(f"| {row['label']} | {cell(row['all'])} | {between} | {times} |"
                     f" {row['text_as_plain']} of {row['answers']} |")
    lines += [
        "",
        "“whole rounds” is all tokens of a round by all its seconds, lowest and highest round. “times as fast” is the median over"
        f" answers of `{OURS_DEFAULT}`'s speed by this line's on the same prompt in the same round: below 1, this line is"
        " faster. “text as plain's” counts answers that equal those of the same peer without drafting.",
        "",
        "| tokens/s: median (min–max) | " + " | ".join(tasks) + " |",
        "| --- |" + " --- |" * len(tasks),
    ]
    lines += [f"| {row['label']} | " + " | ".join(cell(row["tasks"][task]) for task in tasks) + " |" for row in rows]
    lines += ["", "Versions: "
              + "; ".join(f"{name}: " + ", ".join(f"{what} {value}" for what, value in versions.items())
                          for name, versions in report["versions"].items()) + "."]
    if report["prompt_lengths_differ"]:
        lines += ["", "Read other numbers of prompt tokens than most: " + ", ".join(report["prompt_lengths_differ"]) + "."]
    if report["not_measured"]:
        lines += ["", "Not measured:", ""]
        lines += [f"- {name}: {' '.join(reason.split())}" for name, reason in report["not_measured"].items()]
    return "\n".join(lines) + "\n"


def cell(rates):
    return f"{rates['median']:.1f} ({rates['min']:.1f}–{rates['max']:.1f})"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=pathlib.Path, required=True, help="where compare.sh has put virtual environments and"
                        " models")
    parser.add_argument("--prompts", type=pathlib.Path, default=OWN_PROMPTS, help="file in the question.jsonl form; without it"
                        " the project's own prompts")
    parser.add_argument("--limit", type=int, default=0, help="most prompts of a task, 0 for all")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of an answer (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often all prompts are run (%(default)s)")
    parser.add_argument("--minutes", type=float, default=0, help="begin no prompt that would end later than this after the"
                        " warm-up; 0 for no limit")
    parser.add_argument("--threads", type=int, default=2, help="threads of a peer (%(default)s)")
    parser.add_argument("--peers", default="", help="only peers whose name holds one of these words, separated by commas")
    parser.add_argument("--out", type=pathlib.Path, default=PROJECT / "docs/benchmarks", help="folder for peers.json and"
                        " peers.md")
    chosen = parser.parse_args()
    if chosen.tokens < 2 or chosen.rounds < 1 or chosen.threads < 1 or chosen.limit < 0 or chosen.minutes < 0:
        parser.error("--tokens must be at least 2, --rounds and --threads at least 1, --limit and --minutes not negative")
    return chosen


def start(wanted, options, workers, not_measured):
    """Starts workers one after the other; those that cannot start are named with the reason."""
    logs = options.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for peer in wanted:
        print(f"starting {peer.name}", file=sys.stderr, flush=True)
        try:
            missing = next((needed for needed in [peer.command[0], *peer.needs] if not shutil.which(needed)
                            and not pathlib.Path(needed).exists()), None)
            if missing:
                raise PeerFailure(f"{pathlib.Path(missing).name} is missing")
            workers.append(Worker(peer, options.threads, logs))
        except PeerFailure as e:
            setup = options.home / "logs" / f"setup-{peer.setup_log}.failed"
            reason = f"{e}; set-up: {setup.read_text(errors='replace').strip()}" if setup.exists() else str(e)
            not_measured[peer.name] = reason
            print(f"  not measured: {reason}", file=sys.stderr, flush=True)


def measure(options, prompts, workers, not_measured):
    variants = [Variant(label, worker, name) for worker in workers for name, label in worker.peer.variants.items()]
    comparison = Comparison(variants, options.tokens)
    limit = options.minutes * 60
    progress = Progress(options.rounds * len(prompts), limit)
    comparison.warm_up(prompts[0], progress)
    progress.start = time.monotonic()
    longest = 0
    prompts_done = 0
    for round_number in range(options.rounds):
        for number, prompt in enumerate(prompts):
            began = time.monotonic()
            if not comparison.variants or (limit and prompts_done and began + longest > progress.start + limit):
                break
            where = f"round {round_number + 1}/{options.rounds}, prompt {number + 1}/{len(prompts)}"
            comparison.run_prompt(round_number, number, prompt, progress, where)
            prompts_done += 1
            progress.done = prompts_done
            progress.step(where, line=True)
            longest = max(longest, time.monotonic() - began)
    progress.end()
    not_measured.update(comparison.failures)
    return comparison, prompts_done


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    prompts = read_prompts(options.prompts, options.limit)
    words = [word for word in options.peers.split(",") if word]
    not_measured = {}
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="peers-") as scratch:
        wanted = [peer for peer in peers(options.home.resolve(), options.threads, pathlib.Path(scratch))
                  if not words or any(word in peer.name for word in words)]
        if not wanted:
            sys.exit(f"no peer's name holds one of {words}")
        workers = []
        try:
            start(wanted, options, workers, not_measured)
            comparison, done = measure(options, prompts, workers, not_measured)
        finally:
            for worker in workers:
                worker.close()
    if not words:
        not_measured["Jlama"] = ("not tried: it reads safetensors, and the others' model is a GGUF file; it needs Java 20 or"
                                 " later")
    if not comparison.answers:
        sys.exit("nothing was measured:\n" + "\n".join(f"{name}: {reason}" for name, reason in not_measured.items()))
    whole, rest = divmod(done, len(prompts))
    parts = ([f"{whole} of {options.rounds} rounds of {len(prompts)} prompts"] if whole or not rest else []) + (
        [f"{rest} of {len(prompts)} prompts of round {whole + 1}"] if rest else [])
    report = {
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "machine": machine(),
        "load_before": load_before,
        "load_after": os.getloadavg()[0],
        "threads": options.threads,
        "tokens": options.tokens,
        "prompts": "the project's own" if options.prompts.resolve() == OWN_PROMPTS else options.prompts.name,
        "prompts_done": " and ".join(parts),
        "rounds_done": whole,
        "command": os.environ.get("PEERS_COMMAND") or " ".join(["compare.py", *sys.argv[1:]]),
        "versions": {worker.peer.name: worker.versions for worker in workers},
        "peers": summary(comparison.answers, [variant.label for variant in comparison.variants], OURS_DEFAULT),
        "prompt_lengths_differ": sorted(comparison.differing_prompts),
        "not_measured": not_measured,
        "answers": [dataclasses.asdict(answer) for answer in comparison.answers],
    }
    options.out.mkdir(parents=True, exist_ok=True)
    rows = ",\n".join("    " + json.dumps(row) for row in report["answers"])
    text = json.dumps({**report, "answers": []}, indent=2).replace('"answers": []', f'"answers": [\n{rows}\n  ]')
    (options.out / "peers.json").write_text(text + "\n", encoding="utf-8")
    (options.out / "peers.md").write_text(markdown(report), encoding="utf-8")
    print(f"{options.out / 'peers.md'}: {report['prompts_done']}. {verdict(report['peers'])}")


if __name__ == "__main__":
    main()
