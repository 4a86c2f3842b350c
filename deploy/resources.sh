#!/usr/bin/env bash
# What a set-up consists of, one part each: looked for, made where it is missing, mended where it differs, removed.
#
# Read by deploy.sh, after aws.sh. Each have_* may run any number of times. Nothing is touched that does not carry the
# set-up's tag (sluicegate=NAME), nor any bucket, role or key pair of another name.
# shellcheck disable=SC2034,SC2153 # What it sets and reads is deploy.sh's too.

# IAM tells the machines of EC2 of a new profile only after some seconds.
readonly PROFILE_WAIT_SECONDS=90
# From pending to running, and from running to terminated.
readonly MACHINE_WAIT_SECONDS=600

tags_of() { printf '{Key=sluicegate,Value=%s},{Key=Name,Value=%s}' "$NAME" "$SETUP"; }

# --- the bucket

have_bucket() {
  look s3api head-bucket --bucket "$BUCKET" --query BucketRegion
  # Answers of servers that do not tell the region are empty; so a bucket that is there is told by its success.
  if [ -n "$DRY_RUN" ] || grep -Eq "$ABSENT" "$SCRATCH/errors"; then
    local place=()
    [ "$REGION" = us-east-1 ] || place=(--create-bucket-configuration "LocationConstraint=$REGION")
    change s3api create-bucket --bucket "$BUCKET" "${place[@]}"
    tell made "bucket $BUCKET"
  else
    tell there "bucket $BUCKET"
  fi
  look s3api get-bucket-tagging --bucket "$BUCKET" --query "TagSet[?Key=='sluicegate']|[0].Value"
  if [ "$FOUND" != "$NAME" ]; then
    [ -z "$FOUND" ] || die "the bucket $BUCKET belongs to the set-up $FOUND"
    change s3api put-bucket-tagging --bucket "$BUCKET" --tagging "TagSet=[$(tags_of)]"
    tell set "tags of the bucket"
  fi
  look s3api get-public-access-block --bucket "$BUCKET" --query 'PublicAccessBlockConfiguration.[BlockPublicAcls,IgnorePublicAcls,BlockPublicPolicy,RestrictPublicBuckets]'
  if [ "$FOUND" != $'True\tTrue\tTrue\tTrue' ]; then
    change s3api put-public-access-block --bucket "$BUCKET" --public-access-block-configuration \
      BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
    tell set "block of public access"
  fi
  look s3api get-bucket-encryption --bucket "$BUCKET" --query \
    'ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm'
  if [ -z "$FOUND" ]; then
    change s3api put-bucket-encryption --bucket "$BUCKET" --server-side-encryption-configuration \
      '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}'
    tell set "encryption of the bucket (AES256)"
  fi
  look s3api get-bucket-lifecycle-configuration --bucket "$BUCKET" --query \
    "[length(Rules),length(Rules[?Status=='Enabled'&&AbortIncompleteMultipartUpload.DaysAfterInitiation==\`1\`])]"
  case $FOUND in
  '')
    change s3api put-bucket-lifecycle-configuration --bucket "$BUCKET" --lifecycle-configuration \
      '{"Rules":[{"ID":"abort-incomplete-uploads","Status":"Enabled","Filter":{"Prefix":""},"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":1}}]}'
    tell set "lifecycle: incomplete uploads are aborted after a day"
    ;;
  *$'\t0') say "the bucket has lifecycle rules of its own, and none that aborts incomplete uploads after a day: add it" ;;
  esac
}

# What stands in the bucket besides deploy/: FOUND is empty where nothing does.
look_for_data() {
  look s3api list-objects-v2 --bucket "$BUCKET" --delimiter / --query \
    "[CommonPrefixes[?Prefix!='deploy/'].Prefix,Contents[].Key][]"
}

# --- the role of the machine

# The policy, on one line, for the bucket and the prefix of this set-up.
policy() {
  local prefix
  prefix=$(env_value S3_PREFIX)
  prefix=${prefix#"${prefix%%[!/]*}"}
  prefix=${prefix%"${prefix##*[!/]}"}
  prefix=${prefix:+$prefix/}
  tr -s ' \n' ' ' <"$HERE/iam-policy.json" | sed -e "s|BUCKET/uploads|$BUCKET/${prefix}uploads|; s|:::BUCKET|:::$BUCKET|g"
}

have_role() {
  local wanted trust
  trust='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
  look iam get-role --role-name "$SETUP" --query "[Role.RoleName,Role.Tags[?Key=='sluicegate']|[0].Value]"
  suppose "$SETUP"$'\t'"$NAME"
  case $FOUND in
  '')
    change iam create-role --role-name "$SETUP" --assume-role-policy-document "$trust" \
      --description "sluicegate on EC2: its bucket and nothing else" \
      --tags "Key=sluicegate,Value=$NAME" "Key=Name,Value=$SETUP" "Key=region,Value=$REGION"
    tell made "role $SETUP"
    ;;
  *$'\t'"$NAME") tell there "role $SETUP" ;;
  *) die "there is a role $SETUP without the tag sluicegate=$NAME" "it is not this set-up's: choose another --name" ;;
  esac
  wanted=$(policy)
  look iam get-role-policy --role-name "$SETUP" --policy-name "$SETUP" --query PolicyDocument --output json
  if [ "$(tr -d ' \n' <<<"$FOUND")" != "$(tr -d ' \n' <<<"$wanted")" ]; then
    change iam put-role-policy --role-name "$SETUP" --policy-name "$SETUP" --policy-document "$wanted"
    tell set "policy of the role, from deploy/iam-policy.json"
  fi
  look iam get-instance-profile --instance-profile-name "$SETUP" --query \
    '[InstanceProfile.InstanceProfileName,InstanceProfile.Roles[0].RoleName]'
  suppose "$SETUP"$'\t'"$SETUP"
  if [ -z "$FOUND" ]; then
    change iam create-instance-profile --instance-profile-name "$SETUP" \
      --tags "Key=sluicegate,Value=$NAME" "Key=Name,Value=$SETUP"
    tell made "instance profile $SETUP"
    FOUND=
  else
    tell there "instance profile $SETUP"
  fi
  if [[ $FOUND != *$'\t'"$SETUP" ]]; then
    within "$PROFILE_WAIT_SECONDS" "IAM knows the instance profile $SETUP" add_role
    tell set "role of the instance profile"
  fi
}

# shellcheck disable=SC2317 # Called by `within`.
add_role() {
  ask iam add-role-to-instance-profile --instance-profile-name "$SETUP" --role-name "$SETUP" && return
  # What was just made is not known everywhere.
  grep -q NoSuchEntity "$SCRATCH/errors" || refused iam add-role-to-instance-profile
  return 1
}

# --- the key pair

have_key() {
  look ec2 describe-key-pairs --filters "Name=key-name,Values=$SETUP" --query \
    "KeyPairs[0].[KeyPairId,Tags[?Key=='sluicegate']|[0].Value]"
  if [ -n "$FOUND" ]; then
    [ "${FOUND#*$'\t'}" = "$NAME" ] ||
      die "there is a key pair $SETUP without the tag sluicegate=$NAME" "it is not this set-up's: choose another --name"
    tell there "key pair $SETUP (${FOUND%%$'\t'*})"
    [ -n "$PUBLIC_KEY" ] || [ -e "$KEY_FILE" ] ||
      say "its private key is not in $KEY_FILE: name it with --key-file where ssh is to use it"
    return
  fi
  local tags
  tags="ResourceType=key-pair,Tags=[$(tags_of)]"
  if [ -n "$PUBLIC_KEY" ]; then
    change ec2 import-key-pair --key-name "$SETUP" --public-key-material "fileb://$PUBLIC_KEY" \
      --tag-specifications "$tags" --query KeyPairId
    tell made "key pair $SETUP, from $PUBLIC_KEY"
    return
  fi
  [ -n "$DRY_RUN" ] || [ ! -s "$KEY_FILE" ] ||
    die "$KEY_FILE exists, and the key pair $SETUP does not" "move the file away, or pass --public-key with its public half"
  # The private half is told once: where it cannot be kept, it is not asked for.
  [ -n "$DRY_RUN" ] || { mkdir -p "$(dirname "$KEY_FILE")" && (umask 077 && : >"$KEY_FILE"); } ||
    die "the private key cannot be written to $KEY_FILE" "name another file with --key-file"
  change ec2 create-key-pair --key-name "$SETUP" --key-type ed25519 --tag-specifications "$tags" --query KeyMaterial
  [ -n "$DRY_RUN" ] || printf '%s\n' "$FOUND" >"$KEY_FILE"
  FOUND=
  tell made "key pair $SETUP, its private key in $KEY_FILE (mode 0600)"
}

# --- the security group

want_from() {
  [ "${#FROM[@]}" -gt 0 ] || die "nobody could reach the machine" "say from where with --from, as --from 203.0.113.7/32"
}

have_group() {
  local subnet=() vpc=() rule wanted=() port cidr kept
  if [ -n "$SUBNET" ]; then
    look ec2 describe-subnets --subnet-ids "$SUBNET" --query 'Subnets[0].VpcId'
    vpc=(--vpc-id "${FOUND:-<vpc of $SUBNET>}")
    subnet=("Name=vpc-id,Values=${FOUND:-<vpc of $SUBNET>}")
  fi
  look ec2 describe-security-groups --filters "Name=group-name,Values=$SETUP" "Name=tag:sluicegate,Values=$NAME" \
    "${subnet[@]}" --query 'SecurityGroups[0].GroupId'
  suppose '<group>'
  GROUP=$FOUND
  if [ -z "$GROUP" ]; then
    want_from
    change ec2 create-security-group --group-name "$SETUP" --description "sluicegate: ssh and its port" "${vpc[@]}" \
      --tag-specifications "ResourceType=security-group,Tags=[$(tags_of)]" --query GroupId
    GROUP=${FOUND:-<group>}
    tell made "security group $SETUP ($GROUP)"
  else
    tell there "security group $SETUP ($GROUP)"
  fi
  look ec2 describe-security-group-rules --filters "Name=group-id,Values=$GROUP" --query \
    'SecurityGroupRules[?!IsEgress].[SecurityGroupRuleId,IpProtocol,FromPort,ToPort,CidrIpv4]'
  local rules=$FOUND
  # Without --from those keep access that have it.
  [ "${#FROM[@]}" -gt 0 ] || mapfile -t FROM < <(awk '$3 == 22 { print $5 }' <<<"$rules")
  for port in 22 "$PORT"; do
    for cidr in "${FROM[@]}"; do
      rule=$'\t'"tcp"$'\t'"$port"$'\t'"$port"$'\t'"$cidr"
      wanted+=("$rule")
      [[ $'\n'$rules$'\n' != *"$rule"$'\n'* ]] || continue
      rules+=$'\n'$rule
      change ec2 authorize-security-group-ingress --group-id "$GROUP" --protocol tcp --port "$port" --cidr "$cidr"
      tell set "port $port open from $cidr"
    done
  done
  while IFS= read -r rule; do
    [ -n "$rule" ] || continue
    for kept in "${wanted[@]}"; do
      [[ $rule != *"$kept" ]] || continue 2
    done
    change ec2 revoke-security-group-ingress --group-id "$GROUP" --security-group-rule-ids "${rule%%$'\t'*}"
    tell set "closed what was open besides: ${rule#*$'\t'}"
  done <<<"$rules"
}

# --- the machine

# Sets MACHINE, STATE, TOKENS and ADDRESS; MACHINE is empty where there is none.
look_for_machine() {
  local states=pending,running,stopping,stopped
  # A `destroy` that was cut short meets one that ends: what it holds on to goes when it is gone.
  [ "$COMMAND" != destroy ] || states+=,shutting-down
  look ec2 describe-instances --filters "Name=tag:sluicegate,Values=$NAME" "Name=instance-state-name,Values=$states" --query \
    'Reservations[].Instances[].[InstanceId,State.Name,MetadataOptions.HttpTokens,PublicIpAddress||PrivateIpAddress,InstanceType,Architecture]'
  suppose $'<instance>\trunning\trequired\t<address>\t<type>'
  [[ $FOUND != *$'\n'* ]] || die "several machines carry the tag sluicegate=$NAME" "terminate all but one of them"
  IFS=$'\t' read -r MACHINE STATE TOKENS ADDRESS KIND MACHINE_ARCHITECTURE <<<"$FOUND"
}

# shellcheck disable=SC2317 # Called by `within`.
machine_is() {
  look ec2 describe-instances --instance-ids "$MACHINE" --query 'Reservations[0].Instances[0].State.Name'
  case $1:$FOUND in
  running:shutting-down | running:terminated) die "$MACHINE ended instead of starting" "aws ec2 describe-instances --instance-ids $MACHINE tells why (StateReason)" ;;
  esac
  # One that nobody remembers is gone, or has just been made.
  [ -n "$DRY_RUN" ] || [ "$FOUND" = "$1" ] || [ "$1${FOUND:+ is there}" = terminated ]
}

# shellcheck disable=SC2317 # Called by `within`.
run_machine() {
  ask ec2 run-instances "$@" && return
  # The refusals that heal by themselves: EC2 does not know the profile yet, or not its role.
  grep -Eq 'iamInstanceProfile|has no associated IAM Roles' "$SCRATCH/errors" || refused ec2 run-instances
  return 1
}

make_machine() {
  local root_device placement=() tags disk
  if [ -z "$IMAGE" ]; then
    look ssm get-parameter --query Parameter.Value --name \
      "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-$ARCHITECTURE"
    IMAGE=${FOUND:-<newest Amazon Linux 2023>}
  fi
  look ec2 describe-images --image-ids "$IMAGE" --query 'Images[0].[RootDeviceName,Architecture]'
  if [ -z "$DRY_RUN" ]; then
    [ -n "$FOUND" ] || die "there is no image $IMAGE in $REGION"
    [ "${FOUND#*$'\t'}" = "$ARCHITECTURE" ] || die "the program is for $ARCHITECTURE, and $IMAGE for ${FOUND#*$'\t'}"
  fi
  root_device=${FOUND%%$'\t'*}
  disk="[{\"DeviceName\":\"${root_device:-/dev/xvda}\",\"Ebs\":{\"Encrypted\":true,\"VolumeType\":\"gp3\",\"VolumeSize\":$DISK_GIB,\"DeleteOnTermination\":true}}]"
  [ -z "$SUBNET" ] || placement=(--subnet-id "$SUBNET")
  tags=$(tags_of)
  within "$PROFILE_WAIT_SECONDS" "EC2 knows the instance profile $SETUP" run_machine \
    --count 1 --image-id "$IMAGE" --instance-type "$INSTANCE_TYPE" --key-name "$SETUP" --security-group-ids "$GROUP" \
    "${placement[@]}" --iam-instance-profile "Name=$SETUP" \
    --metadata-options HttpEndpoint=enabled,HttpTokens=required,HttpPutResponseHopLimit=1 \
    --block-device-mappings "$disk" --user-data "file://$USER_DATA" \
    --tag-specifications "ResourceType=instance,Tags=[$tags]" "ResourceType=volume,Tags=[$tags]" \
    --query 'Instances[0].InstanceId'
  MACHINE=${FOUND:-<instance>}
  tell made "machine $MACHINE ($INSTANCE_TYPE, $IMAGE)"
}

have_machine() {
  if [ -z "$MACHINE" ]; then
    make_machine
  else
    tell there "machine $MACHINE ($STATE)"
    if [ "$TOKENS" != required ]; then
      change ec2 modify-instance-metadata-options --instance-id "$MACHINE" --http-tokens required --http-put-response-hop-limit 1
      tell set "IMDSv2 is required"
    fi
    case $STATE in
    stopping)
      within "$MACHINE_WAIT_SECONDS" "$MACHINE has stopped" machine_is stopped
      STATE=stopped
      ;;
    esac
    if [ "$STATE" = stopped ]; then
      change ec2 start-instances --instance-ids "$MACHINE"
      tell started "machine $MACHINE"
    fi
  fi
  if [ "$STATE" != running ]; then
    within "$MACHINE_WAIT_SECONDS" "$MACHINE runs" machine_is running
    look_for_machine
  fi
}

# --- the end

remove_machine() {
  if [ -n "$MACHINE" ]; then
    remove ec2 terminate-instances --instance-ids "$MACHINE"
    within "$MACHINE_WAIT_SECONDS" "$MACHINE is terminated" machine_is terminated
    tell removed "machine $MACHINE"
  fi
  local group
  look ec2 describe-security-groups --filters "Name=group-name,Values=$SETUP" "Name=tag:sluicegate,Values=$NAME" \
    --query 'SecurityGroups[].GroupId'
  suppose '<group>'
  for group in $FOUND; do
    remove ec2 delete-security-group --group-id "$group"
    tell removed "security group $SETUP ($group)"
  done
  look ec2 describe-key-pairs --filters "Name=key-name,Values=$SETUP" "Name=tag:sluicegate,Values=$NAME" \
    --query 'KeyPairs[0].KeyPairId'
  suppose '<key-pair>'
  if [ -n "$FOUND" ]; then
    remove ec2 delete-key-pair --key-name "$SETUP"
    tell removed "key pair $SETUP"
    [ ! -e "$KEY_FILE" ] || say "its private key stays in $KEY_FILE: remove it by hand"
  fi
}

remove_role() {
  look iam get-role --role-name "$SETUP" --query "Role.Tags[?Key=='sluicegate']|[0].Value"
  suppose "$NAME"
  # A role of that name that is another's stays, and so does what hangs on it.
  [ -z "$FOUND" ] || [ "$FOUND" = "$NAME" ] || die "the role $SETUP belongs to the set-up $FOUND"
  local is_there=$FOUND
  look iam get-instance-profile --instance-profile-name "$SETUP" --query \
    '[InstanceProfile.InstanceProfileName,InstanceProfile.Roles[0].RoleName]'
  suppose "$SETUP"$'\t'"$SETUP"
  if [ -n "$FOUND" ]; then
    [ "${FOUND#*$'\t'}" = None ] ||
      remove iam remove-role-from-instance-profile --instance-profile-name "$SETUP" --role-name "$SETUP"
    remove iam delete-instance-profile --instance-profile-name "$SETUP"
    tell removed "instance profile $SETUP"
  fi
  if [ -n "$is_there" ]; then
    remove iam delete-role-policy --role-name "$SETUP" --policy-name "$SETUP"
    remove iam delete-role --role-name "$SETUP"
    tell removed "role $SETUP"
  fi
}
