"""The console: pages at `/` for those who operate the gateway, and the JSON under `/console/api/` that they are made of."""
