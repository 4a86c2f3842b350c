# What a person does next.
locals {
  address = coalesce(aws_instance.this.public_ip, aws_instance.this.private_ip)
}

output "url" {
  description = "Where the service answers some minutes after the first apply. Plain HTTP."
  value       = "http://${local.address}:${local.port}/"
}

output "health" {
  description = "Answers 200 when the database and the bucket do."
  value       = "http://${local.address}:${local.port}/healthz"
}

output "bucket" {
  description = "The private bucket."
  value       = aws_s3_bucket.this.id
}

output "machine" {
  description = "The id of the machine."
  value       = aws_instance.this.id
}

output "first_key" {
  description = "Prints the first API key, once."
  value       = "ssh ec2-user@${local.address} 'sudo cat /etc/sluicegate/first-key && sudo rm /etc/sluicegate/first-key'"
}

output "refresh" {
  description = "Puts on the machine what an apply has put into the bucket, and restarts unit by unit."
  value       = "ssh ec2-user@${local.address} sudo sluicegate-refresh"
}
