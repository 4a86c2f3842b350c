# What may be said of a set-up. Only `from`, `program` and `public_key` have to be.

variable "name" {
  description = "The set-up. All that is made is called sluicegate-NAME and has the tag sluicegate=NAME."
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,29}[a-z0-9])?$", var.name))
    error_message = "A letter, then letters, digits and hyphens, all in lower case, at most 31."
  }
}

variable "region" {
  description = "Where; null: where the provider's chain says."
  type        = string
  default     = null
}

variable "from" {
  description = "The networks that reach ssh and the service, as [\"203.0.113.7/32\"]."
  type        = list(string)

  validation {
    condition     = length(var.from) > 0 && alltrue([for cidr in var.from : can(cidrnetmask(cidr)) && try(cidrhost(cidr, 0) == split("/", cidr)[0], false)])
    error_message = "At least one network of IPv4, as 203.0.113.7/32 or 203.0.113.0/24, nothing set behind its mask."
  }
}

variable "program" {
  description = "The file of the program, built for Linux on the machine's architecture."
  type        = string
}

variable "architecture" {
  description = "What the program was built for: x86_64 or arm64."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "x86_64 or arm64."
  }
}

variable "env_file" {
  description = "A file with variables of .env.example, secrets too. Its content goes into the private bucket, and its hash alone into the state."
  type        = string
  default     = null

  validation {
    condition = var.env_file == null ? true : alltrue([
      for line in split("\n", file(var.env_file)) :
      can(regex("^(#.*|[A-Z_][A-Z0-9_]*=([^\\s\"'\\\\]([^\\\\]*[^\\s\\\\])?)?)?$", line)) &&
      !can(regex("^(PORT=22$|(HOST|DATA_DIR|SPECS_DIR|S3_BUCKET|AWS_REGION|AWS_DEFAULT_REGION|AWS_ACCESS_KEY_ID|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN)=)", line))
    ])
    error_message = "Lines NAME=VALUE, values bare (no quotes, backslashes, blanks at an end or CRLF), and none of what the machine says itself: HOST, DATA_DIR, SPECS_DIR, S3_BUCKET, AWS_*. PORT is not 22."
  }
}

variable "specs" {
  description = "A folder of specs for the machine's SPECS_DIR."
  type        = string
  default     = null
}

variable "public_key" {
  description = "The public ssh key of whoever fetches the first API key and upgrades, as the line of a .pub file."
  type        = string
}

variable "instance_type" {
  description = "null: t3.small, or t4g.small for arm64."
  type        = string
  default     = null
}

variable "disk_gib" {
  description = "The root disk, encrypted gp3."
  type        = number
  default     = 20

  validation {
    condition     = var.disk_gib >= 8 && var.disk_gib <= 16384
    error_message = "From 8 to 16384."
  }
}

variable "subnet_id" {
  description = "Where the machine stands; null: in the default VPC."
  type        = string
  default     = null
}

variable "delete_data" {
  description = "Whether `terraform destroy` removes the bucket although uploaded files are in it."
  type        = bool
  default     = false
}
