"""The published description of the API, generated from the records that validate requests and make responses."""

__all__: list[str] = []
