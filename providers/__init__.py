"""The catalogue of models and the upstream side: transport, authentication, errors, quirks as data."""
