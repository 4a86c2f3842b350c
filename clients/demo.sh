#!/usr/bin/env bash
# From upload to result with curl, against a service that runs: uploads a file, loads it, waits, and shows what came of it.
#
#   clients/demo.sh                         specs/orders/input.csv with the spec orders, at http://localhost:3000
#   clients/demo.sh FILE SPEC               another file, with another spec
#   BASE=https://files.example.com KEY=sg_… clients/demo.sh
#
# BASE is where the service listens, KEY an API key where it wants one. Each call is shown before it is made; the key is shown
# in none. The rejects, if there are any, are written beside you, as FILE.rejects. It needs bash and curl and nothing else.
# It loads nothing twice: run it again and it meets the same job.
# Exit codes: 0 completed, 1 failed, held or refused, 2 bad usage.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
base=${BASE:-http://localhost:3000}
base=${base%/}
file=${1:-$here/specs/orders/input.csv}
spec=${2:-orders}
# How often a job is asked for, each time for 30 s at most: two hours.
readonly MAX_WAITS=240

die() {
  printf 'demo.sh: %s\n' "$*" >&2
  exit 1
}
if [ $# -gt 2 ] || [ ! -f "$file" ]; then
  sed -n '2,/^set -e/{/^#/!d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}" >&2
  exit 2
fi

# The key goes to curl by a file descriptor, so that it stands in no list of processes.
call() {
  printf '\n$ curl' >&2
  printf ' %q' "$@" >&2
  printf '\n' >&2
  curl -sS --fail-with-body -K <(printf 'header = "Authorization: Bearer %s"\n' "${KEY:-}" | sed '/Bearer "$/d') "$@"
}
# The first text member of this name in an answer.
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1; }

name=$(basename "$file")
uploaded=$(call -T "$file" "$base/upload/${name//[^A-Za-z0-9._-]/_}") || die "the upload was refused: $uploaded"
printf '%s\n' "$uploaded"
file_id=$(member fileId <<<"$uploaded")

submitted=$(call -X POST "$base/process/$file_id?spec=$spec") || die "the job was refused: $submitted"
printf '%s\n' "$submitted"
job_id=$(member jobId <<<"$submitted")

state=queued
for ((waits = 0; waits < MAX_WAITS; waits++)); do
  job=$(call "$base/jobs/$job_id?wait=30") || die "the job cannot be read: $job"
  # Specs, kinds of errors and webhooks have members of their own behind the job's state.
  state=$(member state <<<"${job%%'"errors":'*}")
  case $state in queued | in_progress) ;; *) break ;; esac
done
printf '%s\n' "$job"

[ "$state" = completed ] || die "the job is $state: $base/jobs/$job_id says why"

rejects=$name.rejects
call -o "$rejects" "$base/jobs/$job_id/rejects" || die "the rejects cannot be had: $(cat "$rejects")"
if [ -s "$rejects" ]; then
  printf 'the rejects are in %s: correct them, and send them back with\n' "$rejects"
  printf '  curl --data-binary @%q %s/jobs/%s/resubmit\n' "$rejects" "$base" "$job_id"
fi
call "$base/jobs/$job_id/receipt"
printf '\n'
