# Puts the charm beside the magnum of a model, with the kubeconfig as a secret. The provider deploys
# from a charm store: publish the charm that `npm run build` makes under a name of yours first.
#
#   terraform apply -var model_uuid=UUID -var charm=NAME -var kubeconfig=./capi-mgmt.kubeconfig
#
# The kubeconfig's content ends up in Terraform's state: keep that where you would keep the file.

terraform {
  required_version = ">= 1.5"
  required_providers {
    juju = {
      source  = "juju/juju"
      version = ">= 1.0.0"
    }
  }
}

variable "model_uuid" {
  type        = string
  description = "The model that magnum is in."
}

variable "charm" {
  type        = string
  description = "The name that the charm is published under."
}

variable "channel" {
  type    = string
  default = "latest/edge"
}

variable "base" {
  type        = string
  default     = "ubuntu@22.04"
  description = "The base of magnum."
}

variable "magnum" {
  type        = string
  default     = "magnum"
  description = "The application of the principal."
}

variable "kubeconfig" {
  type        = string
  description = "Path of the management cluster's kubeconfig."
}

resource "juju_secret" "management" {
  model_uuid = var.model_uuid
  name       = "capi-mgmt"
  value = {
    kubeconfig = file(var.kubeconfig)
  }
}

# No units: a subordinate has those of its principal.
resource "juju_application" "magnum_capi_helm" {
  name       = "magnum-capi-helm"
  model_uuid = var.model_uuid

  charm {
    name    = var.charm
    channel = var.channel
    base    = var.base
  }

  config = {
    kubeconfig    = juju_secret.management.secret_uri
    chart-version = "0.25.1"
  }
}

resource "juju_access_secret" "management" {
  model_uuid   = var.model_uuid
  secret_id    = juju_secret.management.secret_id
  applications = [juju_application.magnum_capi_helm.name]
}

# After the grant, so that the first hooks can read the secret.
resource "juju_integration" "magnum" {
  model_uuid = var.model_uuid
  depends_on = [juju_access_secret.management]

  application {
    name     = juju_application.magnum_capi_helm.name
    endpoint = "juju-info"
  }

  application {
    name     = var.magnum
    endpoint = "juju-info"
  }
}
