# The machine, and who reaches it.
data "aws_subnet" "chosen" {
  count = var.subnet_id == null ? 0 : 1
  id    = var.subnet_id
}

data "aws_vpc" "default" {
  count   = var.subnet_id == null ? 1 : 0
  default = true
}

data "aws_ssm_parameter" "image" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${var.architecture}"
}

resource "aws_key_pair" "this" {
  key_name   = local.setup
  public_key = var.public_key
}

resource "aws_security_group" "this" {
  name        = local.setup
  description = "sluicegate: ssh and its port"
  vpc_id      = var.subnet_id == null ? data.aws_vpc.default[0].id : data.aws_subnet.chosen[0].vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = { for pair in setproduct([22, local.port], var.from) : "${pair[0]} from ${pair[1]}" => pair }

  security_group_id = aws_security_group.this.id
  ip_protocol       = "tcp"
  from_port         = each.value[0]
  to_port           = each.value[0]
  cidr_ipv4         = each.value[1]
}

# S3, MongoDB, packages, and where webhooks go.
resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.this.id
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_instance" "this" {
  ami                    = data.aws_ssm_parameter.image.insecure_value
  instance_type          = local.instance_type
  key_name               = aws_key_pair.this.key_name
  subnet_id              = var.subnet_id
  vpc_security_group_ids = [aws_security_group.this.id]
  iam_instance_profile   = aws_iam_instance_profile.this.name

  # The script is for a shell whose own ${} it holds, so its three names are replaced as deploy.sh does it.
  user_data = replace(
    replace(
      replace(file("${path.module}/../user-data.sh"), "@NAME@", var.name),
      "@REGION@", data.aws_region.this.name,
    ),
    "@BUCKET@", local.bucket,
  )

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    encrypted             = true
    volume_type           = "gp3"
    volume_size           = var.disk_gib
    delete_on_termination = true
    tags                  = local.tags
  }

  # A newer image, or another text of the script, is no reason to make the machine anew: without MongoDB it holds the
  # database. What changed in deploy/ reaches it by sluicegate-refresh.
  lifecycle {
    ignore_changes = [ami, user_data]
  }

  depends_on = [aws_s3_object.list, aws_iam_role_policy.this]
}
