#!/usr/bin/env bash
# What an EC2 machine does at its first start, and at each upgrade: it fetches what deploy.sh or Terraform put below
# deploy/ of the private bucket, installs it, makes the first API key, and starts or restarts the service unit by unit.
#
# Both fill in the three names below. It runs as root, any number of times: at the first start by cloud-init, later by
# `deploy.sh upgrade` (which renews it) or by hand as sluicegate-refresh, as which it installs itself first of all: a first
# start that fails can be done again. It holds no secret, since user data can be read by whoever may describe the machine;
# secrets come in sluicegate.env from the bucket, by the machine's role. What it fetches is checked against SHA256SUMS
# before anything is touched. Where the service does not answer after an upgrade, the program, the unit, the settings and
# the specs that ran well before are put back. For Amazon Linux 2023 and Debian 12.
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
# Where the worker answers /metrics and /healthz; the security group keeps it to the machine.
readonly WORKER_METRICS_PORT=9464
# What ran well before this run, by its paths; and the mark that what is installed runs well.
readonly BEFORE=/etc/sluicegate/before WELL=/etc/sluicegate/well
readonly INSTALLED=(/usr/local/bin/sluicegate /etc/systemd/system/sluicegate@.service /etc/sluicegate/{sluicegate,serve,worker}.env
  /etc/sluicegate/specs)

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
    # At the first start others may hold apt's lock.
    local wait=(-o "DPkg::Lock::Timeout=$FETCH_WAIT_SECONDS")
    apt-get "${wait[@]}" update -q && DEBIAN_FRONTEND=noninteractive apt-get "${wait[@]}" install -y -q awscli curl
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

# Refuses what systemd and this shell would not read alike, and what the machine says itself. deploy.sh and Terraform do too.
check_settings() {
  local line name value number=0
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    case $line in '' | '#'*) continue ;; esac
    name=${line%%=*} value=${line#*=}
    [[ $line == *=* && $name =~ ^[A-Z_][A-Z0-9_]*$ ]] || die "line $number of sluicegate.env is no NAME=VALUE"
    case $name in
    HOST | DATA_DIR | SPECS_DIR | S3_BUCKET | AWS_REGION | AWS_DEFAULT_REGION | AWS_ACCESS_KEY_ID | AWS_SECRET_ACCESS_KEY | AWS_SESSION_TOKEN)
      die "line $number of sluicegate.env: $name is said by the machine, its role and its bucket"
      ;;
    esac
    case $value in
    [\"\'[:space:]]* | *\\* | *[[:space:]]) die "line $number of sluicegate.env: write the value of $name bare" ;;
    esac
  done <"$scratch/deploy/sluicegate.env"
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
    echo "METRICS_PORT=$WORKER_METRICS_PORT" >"$scratch/worker.env"
    put "$scratch/worker.env" /etc/sluicegate/worker.env 0640 sluicegate
  else
    rm -f /etc/sluicegate/serve.env /etc/sluicegate/worker.env
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

# answers PORT
# shellcheck disable=SC2317 # Called by `within`.
answers() { curl -fsS -o /dev/null --max-time 5 "http://127.0.0.1:$1/healthz"; }

# Restarts one unit after the other; the next only when the one before is well.
restart() {
  local unit port units=(sluicegate@serve)
  if [ -n "$(variable MONGODB_URI)" ]; then
    units=(sluicegate@worker sluicegate@serve)
  else
    systemctl disable --now --quiet sluicegate@worker 2>/dev/null || true
  fi
  for unit in "${units[@]}"; do
    case $unit in
    *@serve) port=$(variable PORT) ;;
    *) port=$WORKER_METRICS_PORT ;;
    esac
    systemctl enable --quiet "$unit"
    systemctl reset-failed "$unit" 2>/dev/null || true
    # Also where the unit cannot be started, the way on is the one back.
    systemctl restart "$unit" || return 1
    within "$HEALTH_WAIT_SECONDS" "$unit answers" answers "${port:-3000}" || return 1
    say "$unit is well"
  done
}

# Copies what is installed, and puts that copy in its place.
keep() {
  local path
  rm -rf "$BEFORE"
  install -d -m 0700 "$BEFORE"
  for path in "${INSTALLED[@]}"; do
    [ -e "$path" ] || continue
    mkdir -p "$BEFORE$(dirname "$path")"
    cp -a "$path" "$BEFORE$path"
  done
}

put_back() {
  local path
  for path in "${INSTALLED[@]}"; do
    rm -rf "$path"
    [ ! -e "$BEFORE$path" ] || cp -a "$BEFORE$path" "$path"
  done
  systemctl daemon-reload
}

main() {
  # First of all, so that a run that fails can be done again.
  put "${BASH_SOURCE[0]}" /usr/local/sbin/sluicegate-refresh 0700 root
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  within "$FETCH_WAIT_SECONDS" "the aws CLI is installed" need_aws || exit 1
  within "$FETCH_WAIT_SECONDS" "deploy/ of $bucket is fetched and whole" fetch || exit 1
  chmod 700 "$scratch/deploy/sluicegate"
  "$scratch/deploy/sluicegate" --version || die "the program does not run on this machine ($(uname -m))"
  check_settings
  make_user
  # What a run that was cut short left is not what ran well.
  [ ! -e "$WELL" ] || keep
  rm -f "$WELL"
  put "$scratch/deploy/sluicegate" /usr/local/bin/sluicegate 0755 root
  install_settings
  if ! { make_first_key && restart; }; then
    journalctl --no-pager -n 30 -u 'sluicegate@*' >&2 || true
    [ -e "$BEFORE" ] || die "the service does not answer; when its cause is mended: sluicegate-refresh, or deploy.sh upgrade"
    say "the service does not answer: the program, the settings and the specs of before are put back"
    put_back
    restart || die "with these it does not answer either"
    touch "$WELL"
    die "what was to be installed is still in the bucket: mend it, and upgrade again"
  fi
  touch "$WELL"
  say "$name is up"
}

main
