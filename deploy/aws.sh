#!/usr/bin/env bash
# How deploy.sh asks AWS: one function that looks, one that changes, and what both say when AWS refuses.
#
# Read by deploy.sh. With DRY_RUN every call is printed and none is made: then `up` finds nothing, so that all that would
# have to be made is printed too. It promises that every call leaves by `ask`, and never prints what stands in a file
# that a call names.
# shellcheck disable=SC2153 # What it reads is deploy.sh's too.

# What AWS says where a thing is not there.
ABSENT='NoSuchEntity|NoSuchBucket|NoSuchKey|NoSuchTagSet|NoSuchLifecycleConfiguration|\(404\)'
ABSENT+='|NoSuchPublicAccessBlockConfiguration|ServerSideEncryptionConfigurationNotFoundError'
ABSENT+='|InvalidInstanceID\.NotFound|InvalidGroup\.NotFound|InvalidKeyPair\.NotFound'

# What the last call answered; empty where it found nothing.
FOUND=

say() { printf 'deploy.sh: %s\n' "$*" >&2; }

# die MESSAGE [HINT]
die() {
  say "$1"
  [ -z "${2:-}" ] || printf '  %s\n' "$2" >&2
  exit 1
}

# tell WORD WHAT...: one line about one thing, on standard output; a comment between the calls of a dry run.
tell() {
  local word=$1
  shift
  printf '%s%-9s %s\n' "${DRY_RUN:+# }" "$word" "$*"
}

# Prints a command so that a shell would take it back.
shown() {
  local word line=
  for word in "$@"; do
    [[ $word =~ ^[A-Za-z0-9_./:=@,+-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
    line+="${line:+ }$word"
  done
  printf '%s\n' "$line"
}

# What may help with what AWS said; nothing where nobody knows.
advice() {
  case $1 in
  *'Unable to locate credentials'* | *NoCredentials*)
    echo "log in first (aws configure, aws sso login), or set AWS_PROFILE" ;;
  *ExpiredToken* | *RequestExpired* | *'Token has expired'*) echo "the credentials have expired: log in again" ;;
  *InvalidClientTokenId* | *AuthFailure* | *SignatureDoesNotMatch*)
    echo "AWS does not take these credentials: aws sts get-caller-identity says who you are" ;;
  *AccessDenied* | *UnauthorizedOperation* | *'(403)'*)
    echo "your user may not do this: deploy/README.md lists what it needs; a bucket may also be another account's" ;;
  *VPCIdNotSpecified* | *MissingInput*) echo "this region has no default VPC: name a subnet with --subnet" ;;
  *InsufficientInstanceCapacity* | *Unsupported*) echo "try another --instance-type, or a --subnet in another zone" ;;
  *VcpuLimitExceeded* | *InstanceLimitExceeded*) echo "the account's quota of EC2 is used up: raise it, or free some" ;;
  *BucketAlreadyExists* | *IllegalLocationConstraint* | *PermanentRedirect* | *'(301)'*)
    echo "the bucket is in another region or account: choose another --name, or the --region of the set-up" ;;
  *'Could not connect'* | *EndpointConnectionError*) echo "is --region right, and the network there?" ;;
  esac
}

refused() {
  local said
  said=$(tr '\n' ' ' <"$SCRATCH/errors")
  say "AWS refuses: aws $1 ${2:-}"
  printf '  %s\n' "${said:-(it says nothing)}" >&2
  said=$(advice "$said")
  [ -z "$said" ] || printf '  %s\n' "$said" >&2
  exit 1
}

# ask ARGS...: fails where AWS refuses; what it said then stands in $SCRATCH/errors.
ask() {
  FOUND=
  if [ -n "$DRY_RUN" ]; then
    shown aws "$@"
    return 0
  fi
  FOUND=$(aws "$@" 2>"$SCRATCH/errors") || return 1
  # A query without a result, as text.
  [ "$FOUND" != None ] || FOUND=
}

# look ARGS...: what is there, in FOUND; ends where AWS refuses to say.
look() {
  ask "$@" && return
  grep -Eq "$ABSENT" "$SCRATCH/errors" || refused "$@"
  FOUND=
}

# suppose ANSWER: what a dry run takes for found; `up` meets nothing, the other commands a set-up that is whole.
suppose() { [ -z "$DRY_RUN" ] || [ "$COMMAND" = up ] || FOUND=$1; }

# change ARGS...: its answer in FOUND; ends where AWS refuses.
change() { ask "$@" || refused "$@"; }

# remove ARGS...: what is gone already is no error.
remove() { look "$@"; }

# within SECONDS WHAT COMMAND...: repeats a command until it succeeds; ends when the time is over.
within() {
  local limit_seconds=$1 what=$2
  shift 2
  local end=$((SECONDS + limit_seconds))
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || die "after $limit_seconds s still not: $what"
    sleep "$POLL_SECONDS"
  done
}
