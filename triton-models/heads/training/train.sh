#!/bin/sh
# Everything from one command: chats of the target where none are given, their features, and the three heads.
# usage: train.sh TARGET.gguf TOKENIZER.json OUT [CHATS.jsonl[.gz]]; MINUTES sets the time of each step.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 3 ] || { sed -n 3p "$0" >&2; exit 2; }
gguf=$1 tokenizer=$2 out=$3 chats=${4:-$3/chats.jsonl} minutes=${MINUTES:-30}
python=${PYTHON:-python3}
mkdir -p "$out"

run() {
    step=$1
    shift
    "$python" "$here/train.py" "$step" --gguf "$gguf" --data "$chats" --cache "$out/features" --tokenizer "$tokenizer" \
        --minutes "$minutes" "$@"
}

[ -f "$chats" ] || run generate
run features
for head in medusa hydra draft-lm; do
    run "$head" --out "$out/smollm2-135m-instruct-$head"
done
