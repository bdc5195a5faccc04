#!/bin/sh
# Trains weights/shapes16.safetensors anew from a seed: first on small images, which are cheap, then on larger ones, the
# last as large as the study's. RUN: a folder for checkpoints; the same command continues. The bytes depend on the
# adapter.
set -eu
cd "$(dirname "$0")/.."
RUN=${1:?"usage: weights/make-shapes16.sh RUN"}
streamscope() { node dist/streamscope.js "$@"; }

streamscope train --out "$RUN/64" --size 64 --batch 64 --steps 3000
streamscope train --out "$RUN/112" --from "$RUN/64/weights.safetensors" --size 112 --batch 32 --steps 500 \
  --learning-rate 0.02 --warmup 20
streamscope train --out "$RUN/224" --from "$RUN/112/weights.safetensors" --size 224 --batch 16 --steps 400 \
  --learning-rate 0.01 --warmup 20 --held-out 1000
streamscope weights pack "$RUN/224/weights.safetensors" --out weights/shapes16.safetensors
