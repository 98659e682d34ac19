"""Nodes of an operator's own in the hosted pipelines: the section `pipeline` of `providers.yaml`."""
