"""Recordings of requests: what the hosted gateway writes down of them."""
