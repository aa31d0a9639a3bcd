#!/usr/bin/env bash
# Trains 20 steps with every set of instructions of this CPU on 1, 2 and 3 threads and compares the state roots:
# run-training-roots.sh EMETH TEXT [FLAG...], such as run-training-roots.sh .build/release/emeth shakespeare.txt --preset small
set -euo pipefail
emeth=$(realpath "$1")
text=$(realpath "$2")
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sets=$("$emeth" devices --json | tr -d '\n' | sed 's/.*"instructionSets" *: *\[\([^]]*\)\].*/\1/; s/[",]/ /g')
for set in $sets; do
  for threads in 1 2 3; do
    root=$(EMETH_CPU=$set "$emeth" train "$text" --out "$folder/$set-$threads" --steps 20 --threads "$threads" --seed 1 \
      --validation-share 0 --json "$@" | sed -n 's/.*"stateRoot" *: *"\(.*\)".*/\1/p')
    echo "$set $threads $root"
    echo "$root" >>"$folder/roots"
  done
done
[ "$(sort -u "$folder/roots" | wc -l)" -eq 1 ] || { echo "the roots differ" >&2; exit 1; }
