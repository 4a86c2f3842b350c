# What the parts below have in common: names, and what the environment of the service says to them.
locals {
  setup  = "sluicegate-${var.name}"
  bucket = "${local.setup}-${data.aws_caller_identity.this.account_id}"
  tags = {
    sluicegate = var.name
    Name       = local.setup
  }

  # Read for two values that are no secrets; a local is in no state.
  environment = var.env_file == null ? "" : file(var.env_file)
  port        = try(tonumber(reverse(regexall("(?m)^PORT=([0-9]+)$", local.environment))[0][0]), 3000)
  prefix      = trim(try(reverse(regexall("(?m)^S3_PREFIX=([A-Za-z0-9._/-]*)$", local.environment))[0][0], ""), "/")

  instance_type = coalesce(var.instance_type, var.architecture == "arm64" ? "t4g.small" : "t3.small")
}

data "aws_caller_identity" "this" {}

data "aws_region" "this" {}
