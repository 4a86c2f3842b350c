//! What stands in `deploy/`, run as far as it can be without a cloud: `deploy.sh` with the real aws CLI against moto's EC2,
//! IAM, S3 and SSM, and what it hands to a machine, on a machine that is a folder.

mod cloud;
mod dry;
mod ec2;
mod imitated;
mod machine;
mod policy;
mod scripts;
