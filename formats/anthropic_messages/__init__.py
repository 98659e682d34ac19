"""Anthropic Messages (wire facts 1), in both roles."""
