# The private bucket: uploaded files below uploads/, and below deploy/ what the machine fetches at its start.
resource "aws_s3_bucket" "this" {
  bucket        = local.bucket
  force_destroy = var.delete_data
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "abort-incomplete-uploads"
    status = "Enabled"

    filter {
      prefix = ""
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

locals {
  # What deploy/ holds, by name. A set-up without variables of its own has an empty file.
  files = merge(
    {
      "sluicegate"         = var.program
      "sluicegate.service" = "${path.module}/../sluicegate.service"
    },
    var.env_file == null ? {} : { "sluicegate.env" = var.env_file },
    var.specs == null ? {} : { for file in fileset(var.specs, "**") : "specs/${file}" => "${var.specs}/${file}" },
  )
  empty  = var.env_file == null ? { "sluicegate.env" = "" } : {}
  hashes = merge({ for name, file in local.files : name => filesha256(file) }, { for name, text in local.empty : name => sha256(text) })
}

# Sources, and no contents: those would stand in the state.
resource "aws_s3_object" "file" {
  for_each = local.files

  bucket      = aws_s3_bucket.this.id
  key         = "deploy/${each.key}"
  source      = each.value
  source_hash = local.hashes[each.key]

  # Nothing is put where it could be public, or unencrypted, for a moment.
  depends_on = [
    aws_s3_bucket_public_access_block.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
  ]
}

resource "aws_s3_object" "empty" {
  for_each = local.empty

  bucket  = aws_s3_bucket.this.id
  key     = "deploy/${each.key}"
  content = each.value
}

# Written last: the machine takes nothing that differs from this list.
resource "aws_s3_object" "list" {
  bucket  = aws_s3_bucket.this.id
  key     = "deploy/SHA256SUMS"
  content = join("", [for name, hash in local.hashes : "${hash}  ${name}\n"])

  depends_on = [aws_s3_object.file, aws_s3_object.empty]
}
