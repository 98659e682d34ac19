-- Which request a client's Idempotency-Key stands for, for a day. key: SHA-256 of the header; body: of the path and the body.

CREATE TABLE idempotency (
    workspace  text NOT NULL REFERENCES workspace (id),
    key        bytea NOT NULL CHECK (length(key) = 32),
    body       bytea NOT NULL CHECK (length(body) = 32),
    request    text NOT NULL,
    created_at double precision NOT NULL,
    PRIMARY KEY (workspace, key)
);

CREATE INDEX idempotency_age ON idempotency (created_at);
