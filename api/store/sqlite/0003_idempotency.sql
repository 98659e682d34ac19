-- Which request a client's Idempotency-Key stands for, for a day. key: SHA-256 of the header; body: of the path and the body.

CREATE TABLE idempotency (
    workspace  TEXT NOT NULL REFERENCES workspace (id),
    key        BLOB NOT NULL CHECK (length(key) = 32),
    body       BLOB NOT NULL CHECK (length(body) = 32),
    request    TEXT NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (workspace, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_age ON idempotency (created_at);
