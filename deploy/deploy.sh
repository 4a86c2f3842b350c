#!/usr/bin/env bash
# Brings sluicegate up on one EC2 machine, tells how it is, upgrades it and takes it all away again.
#
#   deploy.sh up         makes what is missing, mends what differs, starts the machine, waits until it answers
#   deploy.sh status     tells of every part whether it is there; fails where one is missing
#   deploy.sh upgrade    puts a new program, specs or environment on the machine and restarts unit by unit; goes back to
#                        all of before by itself where the service does not answer. Also after a first start that failed
#   deploy.sh destroy    removes everything; uploaded files and the database only with --delete-data
#
#   --name NAME            the set-up (main). All that is made is called sluicegate-NAME and has the tag sluicegate=NAME
#   --region REGION        where (AWS_REGION, AWS_DEFAULT_REGION, or the profile's)
#   --from CIDR            who reaches ssh and the service, as 203.0.113.7/32; may be repeated. The first `up` wants it
#   --program FILE         the program, for Linux on x86-64 or arm64 (what `cargo build --profile dist` has made)
#   --env FILE             variables of .env.example, secrets too: kept in the private bucket only. PORT is taken from it
#   --specs FOLDER         specs for the machine's SPECS_DIR
#   --instance-type TYPE   (t3.small; t4g.small where the program is for arm64)
#   --disk-gib N           the root disk, encrypted gp3 (20)
#   --image AMI            instead of the newest Amazon Linux 2023; with --ssh-user USER (ec2-user)
#   --subnet SUBNET        where the region has no default VPC
#   --public-key FILE      your own ssh key; without it a new pair is made
#   --key-file FILE        where its private half is or goes (~/.ssh/sluicegate-NAME.pem)
#   --no-wait              do not wait until the service answers
#   --delete-data          destroy: remove uploaded files and the machine's own database too
#   --dry-run              print every call and make none: needs neither the aws CLI nor credentials
#
# Needs bash 4.4 or later, the aws CLI (1.29 or 2.13, or later), curl, and ssh for `upgrade`. A second run of `up` changes
# nothing, or goes on where the first one was cut short. Secrets never stand in user data, in an argument or in the output.
# Exit codes: 0 done, 1 refused or failed, 2 bad usage, 3 (`destroy`) the bucket was kept because it holds data.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR
. "$HERE/aws.sh"
# shellcheck source-path=SCRIPTDIR
. "$HERE/resources.sh"

readonly POLL_SECONDS=5
# From the start of the machine to the first answer: packages, the program, the database.
readonly HEALTH_WAIT_SECONDS=420
readonly SSH_CONNECT_SECONDS=15
readonly MAX_SPEC_FILES=500
# What deploy.sh or the machine's role says; a second word about it would win or lose unseen.
readonly RESERVED=' HOST DATA_DIR SPECS_DIR S3_BUCKET AWS_REGION AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN '

usage() {
  sed -n '2,/^set -e/{/^#/!d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"
}

bad_usage() {
  say "$1"
  printf '  %s\n' "${2:-deploy.sh --help says what there is}" >&2
  exit 2
}

# --- what is asked for

# is_network CIDR: as AWS writes it, so that it is found again.
is_network() {
  local part address=0
  [[ $1 =~ ^([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)/([0-9]+)$ ]] || return 1
  local mask=${BASH_REMATCH[5]} parts=("${BASH_REMATCH[@]:1:4}")
  for part in "${parts[@]}" "$mask"; do
    [[ $part =~ ^(0|[1-9][0-9]{0,2})$ ]] && [ "$part" -le 255 ] || return 1
  done
  for part in "${parts[@]}"; do address=$((address * 256 + part)); done
  [ "$mask" -le 32 ] && [ $((address & ((1 << (32 - mask)) - 1))) -eq 0 ]
}

read_arguments() {
  COMMAND=${1:-}
  case $COMMAND in
  up | status | upgrade | destroy) shift ;;
  -h | --help | help) usage && exit 0 ;;
  '') usage >&2 && exit 2 ;;
  *) bad_usage "there is no command $COMMAND" ;;
  esac
  NAME=main REGION=${AWS_REGION:-${AWS_DEFAULT_REGION:-}} PROGRAM='' ENV_FILE='' SPECS='' INSTANCE_TYPE='' DISK_GIB=20
  IMAGE='' SSH_USER=ec2-user SUBNET='' PUBLIC_KEY='' KEY_FILE='' WAIT=yes DELETE_DATA='' DRY_RUN='' FROM=()
  local option
  while [ $# -gt 0 ]; do
    option=$1
    case $option in
    --no-wait) WAIT='' ;;
    --delete-data) DELETE_DATA=yes ;;
    --dry-run) DRY_RUN=yes ;;
    -h | --help) usage && exit 0 ;;
    --name | --region | --from | --program | --env | --specs | --instance-type | --disk-gib | --image | --ssh-user | \
      --subnet | --public-key | --key-file)
      # An option in the place of a value would be lost, and one of them is --dry-run.
      [[ ${2:-} =~ ^([^-]|-[^-]) ]] || bad_usage "$option wants a value"
      case $option in
      --name) NAME=$2 ;;
      --region) REGION=$2 ;;
      --from) FROM+=("$2") ;;
      --program) PROGRAM=$2 ;;
      --env) ENV_FILE=$2 ;;
      --specs) SPECS=${2%/} ;;
      --instance-type) INSTANCE_TYPE=$2 ;;
      --disk-gib) DISK_GIB=$2 ;;
      --image) IMAGE=$2 ;;
      --ssh-user) SSH_USER=$2 ;;
      --subnet) SUBNET=$2 ;;
      --public-key) PUBLIC_KEY=$2 ;;
      --key-file) KEY_FILE=$2 ;;
      esac
      shift
      ;;
    *) bad_usage "there is no option $option" ;;
    esac
    shift
  done
  [[ $NAME =~ ^[a-z]([a-z0-9-]{0,29}[a-z0-9])?$ ]] ||
    bad_usage "--name must be a letter, then letters, digits and hyphens, all in lower case, at most 31: not $NAME"
  [[ $DISK_GIB =~ ^[0-9]+$ ]] && [ "$DISK_GIB" -ge 8 ] && [ "$DISK_GIB" -le 16384 ] ||
    bad_usage "--disk-gib must be a number from 8 to 16384"
  local cidr
  for cidr in "${FROM[@]}"; do
    is_network "$cidr" ||
      bad_usage "--from must be a network of IPv4 as 203.0.113.7/32 or 203.0.113.0/24, nothing set behind its mask, not $cidr"
  done
  local file
  for file in "$PROGRAM" "$ENV_FILE" "$PUBLIC_KEY"; do
    [ -z "$file" ] || [ -f "$file" ] || bad_usage "there is no file $file"
  done
  [ -z "$SPECS" ] || [ -d "$SPECS" ] || bad_usage "there is no folder $SPECS"
  SETUP=sluicegate-$NAME
  KEY_FILE=${KEY_FILE:-${HOME:-.}/.ssh/$SETUP.pem}
}

prepare() {
  SCRATCH=$(mktemp -d)
  trap 'rm -rf "$SCRATCH"' EXIT
  chmod 700 "$SCRATCH"
  USER_DATA="$SCRATCH/user-data.sh"
  if [ -n "$DRY_RUN" ]; then
    REGION=${REGION:-<region>}
  else
    command -v aws >/dev/null || die "the aws CLI is missing" "https://docs.aws.amazon.com/cli/, or try --dry-run first"
    REGION=${REGION:-$(aws configure get region 2>/dev/null || true)}
    [ -n "$REGION" ] || die "no region is named" "pass --region, as --region eu-central-1"
  fi
  # The pager of version 2 would wait for a person.
  export AWS_REGION=$REGION AWS_DEFAULT_REGION=$REGION AWS_DEFAULT_OUTPUT=text AWS_PAGER=
  look sts get-caller-identity --query Account
  BUCKET="$SETUP-${FOUND:-<account>}"
  check_region
}

# The names of the bucket and the role hold no region, IAM has none, and the CLI follows a bucket to wherever it is: without
# this a command in the wrong region would take the half that it can reach from a set-up that lives elsewhere.
check_region() {
  look s3api get-bucket-location --bucket "$BUCKET" --query "LocationConstraint||'us-east-1'"
  [ "$FOUND" != EU ] || FOUND=eu-west-1
  [ -n "$FOUND" ] || look iam get-role --role-name "$SETUP" --query "Role.Tags[?Key=='region']|[0].Value"
  [ -z "$FOUND" ] || [ "$FOUND" = "$REGION" ] ||
    die "the set-up $NAME is in $FOUND, not in $REGION, and nothing was touched" "pass --region $FOUND, or choose another --name"
}

# --- the environment of the service

# The last value of a variable in what is or becomes the set-up's environment.
env_value() { sed -n "s/^$1=//p" "$SCRATCH/env" | tail -n 1; }

# Everything that systemd and the machine's shell would not read alike is refused. Values are never shown.
check_env() {
  local line name number=0
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    case $line in '' | '#'*) continue ;; esac
    name=${line%%=*}
    [[ $line == *=* && $name =~ ^[A-Z_][A-Z0-9_]*$ ]] ||
      bad_usage "line $number of $1 is no NAME=VALUE" "without export, and with nothing in front"
    [[ $RESERVED != *" $name "* ]] || bad_usage "line $number of $1: $name is not yours to say" \
      "the machine's role, its bucket and its folders are named by deploy.sh"
    case ${line#*=} in
    [\"\'[:space:]]* | *\\* | *[[:space:]])
      bad_usage "line $number of $1: the value of $name has quotes, a backslash or a blank at an end" "write it bare"
      ;;
    esac
  done <"$1"
}

# $SCRATCH/env: what --env says, else what the bucket holds, else nothing. Sets PORT.
read_env() {
  : >"$SCRATCH/env"
  if [ -n "$ENV_FILE" ]; then
    check_env "$ENV_FILE"
    cat "$ENV_FILE" >"$SCRATCH/env"
  elif [ -z "$DRY_RUN" ] && grep -q '  sluicegate\.env$' "$SCRATCH/published"; then
    change s3api get-object --bucket "$BUCKET" --key deploy/sluicegate.env "$SCRATCH/env" --query ContentLength
  fi
  PORT=$(env_value PORT)
  PORT=${PORT:-3000}
  [[ $PORT =~ ^[0-9]+$ ]] && [ "$PORT" -ge 1 ] && [ "$PORT" -le 65535 ] || bad_usage "PORT must be from 1 to 65535"
  [ "$PORT" -ne 22 ] || bad_usage "PORT must not be 22" "ssh answers there"
  [[ $(env_value S3_PREFIX) =~ ^[A-Za-z0-9._/-]*$ ]] ||
    bad_usage "S3_PREFIX may have letters, digits, dots, slashes, hyphens and underscores" "it becomes part of the policy"
  [[ /$(env_value S3_PREFIX)/ != /deploy/* ]] || bad_usage "S3_PREFIX may not begin with deploy/" "what the machine runs stands there"
}

# --- what the machine fetches: deploy/ of the bucket, and SHA256SUMS, which lists it and is written last

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# The architecture that an ELF file is for, in EC2's words.
architecture() {
  case $(od -An -tx1 -j18 -N2 "$1" | tr -d ' \n') in
  3e00) echo x86_64 ;;
  b700) echo arm64 ;;
  esac
}

find_program() {
  local file found=()
  for file in "$HERE"/../target/*-unknown-linux-*/dist/sluicegate; do
    [ ! -f "$file" ] || found+=("$file")
  done
  if [ -z "$PROGRAM" ] && [ "${#found[@]}" -gt 0 ]; then
    [ "${#found[@]}" -eq 1 ] || bad_usage "several programs were built: ${found[*]}" "name one of them with --program"
    PROGRAM=${found[0]}
  fi
  if [ -n "$PROGRAM" ]; then
    ARCHITECTURE=$(architecture "$PROGRAM")
    [ -n "$ARCHITECTURE" ] || bad_usage "$PROGRAM is no program for Linux on x86-64 or arm64" "deploy/README.md says how to build it"
  else
    ARCHITECTURE=x86_64
  fi
  case $ARCHITECTURE in
  arm64) INSTANCE_TYPE=${INSTANCE_TYPE:-t4g.small} ;;
  *) INSTANCE_TYPE=${INSTANCE_TYPE:-t3.small} ;;
  esac
}

check_architecture() {
  [ -n "$DRY_RUN" ] || [ -z "$PROGRAM" ] || [ -z "$MACHINE" ] || [ "$ARCHITECTURE" = "$MACHINE_ARCHITECTURE" ] ||
    die "the program is for $ARCHITECTURE, and $MACHINE is $MACHINE_ARCHITECTURE" "name another one with --program"
}

read_published() {
  : >"$SCRATCH/published"
  look s3api get-object --bucket "$BUCKET" --key deploy/SHA256SUMS "$SCRATCH/published" --query ContentLength
}

# Writes to $SCRATCH/wanted what deploy/ is to hold: what was named, and of the rest what it holds already.
list_wanted() {
  local file relative count=0
  {
    if [ -n "$PROGRAM" ]; then
      echo "$(sha256 "$PROGRAM")  sluicegate"
    elif [ -n "$DRY_RUN" ]; then
      echo "-  sluicegate"
    else
      grep '  sluicegate$' "$SCRATCH/published" ||
        die "there is no program to run" "build it (deploy/README.md), and name it with --program"
    fi
    echo "$(sha256 "$HERE/sluicegate.service")  sluicegate.service"
    echo "$(sha256 "$SCRATCH/env")  sluicegate.env"
    if [ -n "$SPECS" ]; then
      while IFS= read -r file; do
        relative=${file#"$SPECS"/}
        [[ $relative =~ ^[A-Za-z0-9][A-Za-z0-9._/-]*$ && $relative != *..* ]] ||
          bad_usage "the name of $file" "of specs: letters, digits, dots, hyphens and underscores"
        count=$((count + 1))
        [ "$count" -le "$MAX_SPEC_FILES" ] || bad_usage "$SPECS holds more than $MAX_SPEC_FILES files"
        echo "$(sha256 "$file")  specs/$relative"
      done < <(find "$SPECS" -type f ! -path '*/.*' | LC_ALL=C sort)
    else
      grep '  specs/' "$SCRATCH/published" || true
    fi
  } >"$SCRATCH/wanted"
}

put() {
  change s3 cp --only-show-errors --no-progress "$1" "s3://$BUCKET/deploy/$2"
}

publish() {
  local name
  while IFS= read -r name; do
    name=${name#*  }
    case $name in
    sluicegate) put "${PROGRAM:-<program>}" "$name" ;;
    sluicegate.service) put "$HERE/$name" "$name" ;;
    sluicegate.env) put "$SCRATCH/env" "$name" ;;
    specs/*) put "$SPECS/${name#specs/}" "$name" ;;
    esac
    tell put "deploy/$name"
  done < <(LC_ALL=C sort "$SCRATCH/wanted" | LC_ALL=C comm -23 - <(LC_ALL=C sort "$SCRATCH/published"))
  put "$SCRATCH/wanted" SHA256SUMS
}

render_user_data() {
  sed -e "s|@NAME@|$NAME|; s|@REGION@|$REGION|; s|@BUCKET@|$BUCKET|" "$HERE/user-data.sh" >"$USER_DATA"
}

# --- the commands

base() { printf 'http://%s:%s' "${ADDRESS:-<address>}" "$PORT"; }

# shellcheck disable=SC2317 # Called by `within`.
answers() { curl -fsS -o /dev/null --max-time 5 "$(base)/healthz" 2>/dev/null; }

wait_for_answer() {
  if [ -n "$DRY_RUN" ]; then
    shown curl -fsS "$(base)/healthz"
    return
  fi
  say "waiting for $(base)/healthz, for up to $HEALTH_WAIT_SECONDS s. If it fails: $(ssh_line) sudo tail -n 50 /var/log/cloud-init-output.log"
  within "$HEALTH_WAIT_SECONDS" "$(base)/healthz answers. When its cause is mended, run deploy.sh upgrade" answers
}

ssh_line() { printf 'ssh -i %s %s@%s' "$KEY_FILE" "$SSH_USER" "${ADDRESS:-<address>}"; }

show_urls() {
  sed "s/^/${DRY_RUN:+# }/" <<TEXT

The page      $(base)/
Health        $(base)/healthz
The contract  $(base)/openapi.json

The first key was made on the machine. Fetch it, once:
  KEY=\$($(ssh_line) 'sudo cat /etc/sluicegate/first-key && sudo rm /etc/sluicegate/first-key')
Then:
  key() { printf 'header = "Authorization: Bearer %s"\n' "\$KEY"; }
  key | curl -K - $(base)/jobs
  key | curl -K - -T orders.csv "$(base)/upload/orders.csv?process=true&spec=orders"

This is plain HTTP. Over networks that you do not trust, go by way of ssh, or put TLS in front:
  $(ssh_line) -N -L 3000:127.0.0.1:$PORT
TEXT
}

up() {
  find_program
  look_for_machine
  check_architecture
  read_published
  # What is missing is said before anything is made.
  [ -n "$MACHINE" ] || [ -s "$SCRATCH/published" ] || want_from
  read_env
  list_wanted
  have_bucket
  if cmp -s "$SCRATCH/wanted" "$SCRATCH/published"; then
    tell there "deploy/ of the bucket"
  elif [ -z "$MACHINE" ] || [ ! -s "$SCRATCH/published" ]; then
    publish
  else
    say "the program, the specs or the environment differ from what the machine runs: deploy.sh upgrade puts them there"
    # What is open, and what the role may, is as the machine runs now.
    ENV_FILE=
    read_env
  fi
  have_role
  have_key
  have_group
  render_user_data
  have_machine
  [ -z "$WAIT" ] || wait_for_answer
  show_urls
}

# part FOUND WHAT...
part() {
  [ -z "$DRY_RUN" ] || return 0
  if [ -n "$1" ]; then
    tell there "${@:2}"
  else
    tell missing "${*:2}"
    MISSING=$((MISSING + 1))
  fi
}

status() {
  MISSING=0
  look s3api head-bucket --bucket "$BUCKET" --query "'there'"
  part "$FOUND" "bucket $BUCKET"
  read_published
  part "$FOUND" "deploy/ of the bucket"
  read_env
  look iam get-role-policy --role-name "$SETUP" --policy-name "$SETUP" --query PolicyName
  part "$FOUND" "role $SETUP with its policy"
  look iam get-instance-profile --instance-profile-name "$SETUP" --query 'InstanceProfile.Roles[0].RoleName'
  part "$FOUND" "instance profile $SETUP"
  look ec2 describe-key-pairs --filters "Name=key-name,Values=$SETUP" --query 'KeyPairs[0].KeyPairId'
  part "$FOUND" "key pair $SETUP${FOUND:+ ($FOUND)}"
  look ec2 describe-security-groups --filters "Name=group-name,Values=$SETUP" "Name=tag:sluicegate,Values=$NAME" --query \
    "SecurityGroups[0].[GroupId,join(', ',IpPermissions[?FromPort==\`22\`].IpRanges[].CidrIp)]"
  part "$FOUND" "security group $SETUP${FOUND:+ (${FOUND//$'\t'/, from })}"
  look_for_machine
  part "$MACHINE" "machine${MACHINE:+ $MACHINE ($KIND, $STATE, IMDSv2 $TOKENS)}"
  [ -z "$MACHINE" ] || [ -z "$ADDRESS" ] || [ -n "$DRY_RUN" ] || tell at "$(base)/"
  [ -n "$DRY_RUN" ] || [ "$MISSING" -eq 0 ] || die "$MISSING of 7 parts are missing" "deploy.sh up makes them"
}

upgrade() {
  find_program
  read_published
  [ -n "$DRY_RUN" ] || [ -s "$SCRATCH/published" ] || die "there is no set-up $NAME in $REGION" "deploy.sh up makes it"
  read_env
  list_wanted
  look_for_machine
  [ -n "$DRY_RUN" ] || [ "$STATE" = running ] || die "the machine of $NAME does not run" "deploy.sh up starts it"
  check_architecture
  if cmp -s "$SCRATCH/wanted" "$SCRATCH/published"; then
    tell there "deploy/ of the bucket"
  else
    publish
  fi
  # PORT or S3_PREFIX may be another one, and a new version may need another policy.
  have_role
  have_group
  render_user_data
  local refresh=/usr/local/sbin/sluicegate-refresh
  local command=(ssh -i "$KEY_FILE" -o BatchMode=yes -o "ConnectTimeout=$SSH_CONNECT_SECONDS"
    -o StrictHostKeyChecking=accept-new -o "HostKeyAlias=${MACHINE:-<instance>}" "$SSH_USER@${ADDRESS:-<address>}"
    # What the machine has of user-data.sh may be older than what is here.
    "sudo sh -c 'umask 077 && cat >$refresh.new && chmod 0700 $refresh.new && mv -f $refresh.new $refresh && exec $refresh'")
  if [ -n "$DRY_RUN" ]; then
    shown "${command[@]}"
  else
    "${command[@]}" <"$USER_DATA" || die "the upgrade failed, see above" "what ran before runs again where the new did not answer"
    tell upgraded "machine $MACHINE"
  fi
  [ -z "$WAIT" ] || wait_for_answer
}

destroy() {
  local kept=''
  look_for_machine
  read_published
  read_env
  if [ -n "$MACHINE" ] && [ -z "$DRY_RUN$DELETE_DATA" ] && [ -z "$(env_value MONGODB_URI)" ]; then
    die "the machine $MACHINE holds the database itself (there is no MONGODB_URI), and nothing was removed" \
      "save /var/lib/sluicegate, then pass --delete-data"
  fi
  remove_machine
  remove_role
  look s3api head-bucket --bucket "$BUCKET" --query "'there'"
  suppose there
  if [ -n "$FOUND" ]; then
    look_for_data
    [ -n "$DELETE_DATA" ] || kept=$FOUND
    if [ -n "$kept" ]; then
      remove s3 rm --recursive --only-show-errors "s3://$BUCKET/deploy/"
      say "kept the bucket $BUCKET, which holds uploaded files: --delete-data removes them"
      exit 3
    fi
    remove s3 rm --recursive --only-show-errors "s3://$BUCKET"
    remove s3api delete-bucket --bucket "$BUCKET"
    tell removed "bucket $BUCKET"
  fi
  [ -n "$DRY_RUN" ] || say "nothing of the set-up $NAME is left in $REGION"
}

read_arguments "$@"
prepare
"$COMMAND"
