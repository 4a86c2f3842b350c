# What the machine may: its bucket, as iam-policy.json says, and nothing else.
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name               = local.setup
  description        = "sluicegate on EC2: its bucket and nothing else"
  assume_role_policy = data.aws_iam_policy_document.trust.json

  # IAM knows no regions: this says whose machine it is for.
  tags = {
    region = data.aws_region.this.name
  }
}

resource "aws_iam_role_policy" "this" {
  name = local.setup
  role = aws_iam_role.this.id
  policy = replace(
    replace(
      file("${path.module}/../iam-policy.json"),
      "BUCKET/uploads",
      join("/", compact([local.bucket, local.prefix, "uploads"])),
    ),
    ":::BUCKET",
    ":::${local.bucket}",
  )
}

resource "aws_iam_instance_profile" "this" {
  name = local.setup
  role = aws_iam_role.this.name
}
