#!/bin/sh
# Everything from one command: chats of the target with its streams, further chats' streams where some are given, the heads.
# usage: train.sh TARGET.gguf TOKENIZER.json OUT [CHATS.jsonl[.gz]]; MINUTES sets the time of each step.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 3 ] || { sed -n 3p "$0" >&2; exit 2; }
gguf=$1 tokenizer=$2 out=$3 minutes=${MINUTES:-30}
python=${PYTHON:-python3}
# Huge pages, where the kernel gives them to who asks: the caches are far larger than what the processor finds pages of.
export THP_MEM_ALLOC_ENABLE=1
# Freed memory stays with the process: giving it back and having it cleared anew for the next step can take most of the time.
export MALLOC_MMAP_THRESHOLD_=8589934592 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_ARENA_MAX=1
mkdir -p "$out"

run() {
    step=$1
    shift
    "$python" "$here/train.py" "$step" --gguf "$gguf" --streams "$out/streams" --tokenizer "$tokenizer" \
        --minutes "$minutes" "$@"
}

run generate
[ $# -lt 4 ] || run streams --data "$4"
for head in eagle3 medusa hydra draft-lm; do
    run "$head" --out "$out/smollm2-135m-instruct-$head"
done
