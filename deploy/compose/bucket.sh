#!/usr/bin/env bash
# Makes the bucket of compose.yaml in MinIO, and the user of the service, who may do there what iam-policy.json allows.
#
# It promises: the same end from any beginning, however often it runs. It never removes anything, and prints no secret. Secrets
# go to mc by its standard input: arguments stand in the list of processes of the machine.
set -euo pipefail

printf '%s\n' root "$MINIO_ROOT_PASSWORD" | mc alias set --quiet store http://minio:9000 >/dev/null
mc mb --ignore-existing store/sluicegate

policy=$(</iam-policy.json)
printf '%s\n' "${policy//BUCKET/sluicegate}" >/tmp/policy.json
mc admin policy create store sluicegate /tmp/policy.json
printf '%s\n' sluicegate "$S3_SECRET" | mc admin user add store

# A policy that is attached already is refused: that is the end that is wanted.
if ! said=$(mc admin policy attach store sluicegate --user sluicegate 2>&1); then
  case $said in
    *"already in effect"*) ;;
    *)
      printf '%s\n' "$said" >&2
      exit 1
      ;;
  esac
fi
echo "the bucket sluicegate is there, and its user"
