#!/usr/bin/env bash
# What an EC2 machine does at its first start, and at each upgrade: it fetches what deploy.sh or Terraform put below
# deploy/ of the private bucket, installs it, makes the first API key, and starts or restarts the service unit by unit.
#
# Both fill in the three names below. It runs as root, any number of times: at the first start by cloud-init, later by
# `deploy.sh upgrade` or by hand as sluicegate-refresh, which it leaves in /usr/local/sbin. It holds no secret, since
# user data can be read by whoever may describe the machine; secrets come in sluicegate.env from the bucket, by the
# machine's role. What it fetches is checked against SHA256SUMS before anything is touched. Where a new program does not
# answer, the one of before is put back. For Amazon Linux 2023, and Debian or Ubuntu.
set -euo pipefail
umask 077

name='@NAME@'
region='@REGION@'
bucket='@BUCKET@'

# The role's credentials come some seconds after the machine; and deploy/ may be half written at this moment.
readonly FETCH_WAIT_SECONDS=300
readonly HEALTH_WAIT_SECONDS=90
readonly POLL_SECONDS=3
readonly MAX_JOURNAL_BYTES=1G
readonly MAX_JOURNAL_DAYS=30
# The tenant of the first key.
readonly TENANT=main

export AWS_REGION=$region AWS_DEFAULT_REGION=$region AWS_PAGER=

say() { printf 'sluicegate: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

# within SECONDS WHAT COMMAND...
within() {
  local limit_seconds=$1 what=$2
  shift 2
  local end=$((SECONDS + limit_seconds))
  until "$@"; do
    if [ "$SECONDS" -ge "$end" ]; then
      say "after $limit_seconds s still not: $what"
      return 1
    fi
    sleep "$POLL_SECONDS"
  done
}

need_aws() {
  command -v aws >/dev/null && return
  if command -v dnf >/dev/null; then
    dnf install -y -q awscli
  else
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q awscli curl
  fi
}

# Everything that SHA256SUMS lists, in $scratch/deploy, or nothing.
fetch() {
  local file
  rm -rf "$scratch/deploy"
  mkdir "$scratch/deploy"
  copy SHA256SUMS || return 1
  while IFS= read -r file; do
    copy "${file#*  }" || return 1
  done <"$scratch/deploy/SHA256SUMS"
  (cd "$scratch/deploy" && sha256sum --quiet -c SHA256SUMS)
}

copy() {
  mkdir -p "$(dirname "$scratch/deploy/$1")"
  aws s3 cp --only-show-errors --no-progress "s3://$bucket/deploy/$1" "$scratch/deploy/$1"
}

make_user() {
  getent passwd sluicegate >/dev/null ||
    useradd --system --user-group --no-create-home --home-dir /var/lib/sluicegate --shell /usr/sbin/nologin sluicegate
  install -d -m 0755 /etc/sluicegate /etc/sluicegate/specs
  install -d -m 0750 -o sluicegate -g sluicegate /var/lib/sluicegate
}

# The file `$1` as `$2`, in one rename: nobody reads half of it, and what runs keeps the file that it has.
put() {
  install -m "$3" -o root -g "$4" "$1" "$2.new"
  mv -f "$2.new" "$2"
}

install_settings() {
  {
    cat "$scratch/deploy/sluicegate.env"
    printf '\nHOST=0.0.0.0\nDATA_DIR=/var/lib/sluicegate\nSPECS_DIR=/etc/sluicegate/specs\nS3_BUCKET=%s\nAWS_REGION=%s\n' \
      "$bucket" "$region"
  } >"$scratch/env"
  put "$scratch/env" /etc/sluicegate/sluicegate.env 0640 sluicegate
  # With MongoDB the API and the jobs are two processes; the embedded store takes one.
  if [ -n "$(variable MONGODB_URI)" ]; then
    echo 'WORKERS=0' >"$scratch/serve.env"
    put "$scratch/serve.env" /etc/sluicegate/serve.env 0640 sluicegate
    units=(sluicegate@worker sluicegate@serve)
  else
    rm -f /etc/sluicegate/serve.env
    units=(sluicegate@serve)
  fi
  put "$scratch/deploy/sluicegate.service" /etc/systemd/system/sluicegate@.service 0644 root
  install -d -m 0755 /etc/systemd/journald.conf.d
  printf '[Journal]\nStorage=persistent\nSystemMaxUse=%s\nMaxRetentionSec=%sday\n' "$MAX_JOURNAL_BYTES" "$MAX_JOURNAL_DAYS" \
    >"$scratch/journal.conf"
  put "$scratch/journal.conf" /etc/systemd/journald.conf.d/sluicegate.conf 0644 root
  systemctl restart systemd-journald
  install_specs
  systemctl daemon-reload
}

# What is listed replaces the folder as a whole.
install_specs() {
  rm -rf /etc/sluicegate/specs.new
  mkdir -p "$scratch/deploy/specs"
  cp -R "$scratch/deploy/specs" /etc/sluicegate/specs.new
  chmod -R u=rwX,go=rX /etc/sluicegate/specs.new
  rm -rf /etc/sluicegate/specs
  mv /etc/sluicegate/specs.new /etc/sluicegate/specs
}

variable() { sed -n "s/^$1=//p" /etc/sluicegate/sluicegate.env | tail -n 1; }

# The program as the service's user with its environment, which stands in no argument.
as_service() (
  while IFS= read -r line; do
    case $line in '' | '#'*) ;; *) export "${line?}" ;; esac
  done </etc/sluicegate/sluicegate.env
  exec runuser -u sluicegate -- /usr/local/bin/sluicegate "$@"
)

# It binds an address that others reach, so it does not start without a key. Keys live in the store: in MongoDB another
# machine may have made one.
make_first_key() {
  local keys
  if ! keys=$(as_service keys list 2>"$scratch/said"); then
    say "the store does not answer: $(tail -n 3 "$scratch/said")"
    return 1
  fi
  ! grep -q 'live$' <<<"$keys" || return 0
  as_service keys add "$TENANT" >"$scratch/first-key"
  grep -q '^sg_' "$scratch/first-key" || return 1
  put "$scratch/first-key" /etc/sluicegate/first-key 0600 root
  say "the first API key is in /etc/sluicegate/first-key: fetch it once, then remove it"
}

# shellcheck disable=SC2317 # Called by `within`.
answers() {
  local port
  port=$(variable PORT)
  curl -fsS -o /dev/null --max-time 5 "http://127.0.0.1:${port:-3000}/healthz"
}

# shellcheck disable=SC2317 # Called by `within`.
runs() { systemctl is-active --quiet "$1"; }

# Restarts one unit after the other; the next only when the one before is well.
restart() {
  local unit
  [ "${#units[@]}" -gt 1 ] || systemctl disable --now --quiet sluicegate@worker 2>/dev/null || true
  for unit in "${units[@]}"; do
    systemctl enable --quiet "$unit"
    systemctl restart "$unit"
    case $unit in
    *@serve) within "$HEALTH_WAIT_SECONDS" "$unit answers" answers || return 1 ;;
    *) within "$HEALTH_WAIT_SECONDS" "$unit runs" runs "$unit" || return 1 ;;
    esac
    say "$unit is well"
  done
}

main() {
  local program=/usr/local/bin/sluicegate previous=/usr/local/bin/sluicegate.previous
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  need_aws
  within "$FETCH_WAIT_SECONDS" "deploy/ of $bucket is fetched and whole" fetch || exit 1
  chmod 700 "$scratch/deploy/sluicegate"
  "$scratch/deploy/sluicegate" --version || die "the program does not run on this machine ($(uname -m))"
  make_user
  [ ! -e "$program" ] || cmp -s "$program" "$scratch/deploy/sluicegate" || put "$program" "$previous" 0755 root
  put "$scratch/deploy/sluicegate" "$program" 0755 root
  install_settings
  if ! { make_first_key && restart; }; then
    journalctl --no-pager -n 30 -u 'sluicegate@*' >&2 || true
    [ -e "$previous" ] || die "the service does not answer"
    say "the new program does not answer: the one of before is put back"
    put "$previous" "$program" 0755 root
    restart || die "that one does not answer either"
    die "what was to be installed is still in the bucket: mend it, and upgrade again"
  fi
  [ ! -f "${BASH_SOURCE[0]:-}" ] || put "${BASH_SOURCE[0]}" /usr/local/sbin/sluicegate-refresh 0700 root
  say "$name is up"
}

main
