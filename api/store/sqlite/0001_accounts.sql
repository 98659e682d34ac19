-- Workspaces, keys, the append-only ledger and one row per request. Money is pico-USD, times are unix seconds.
-- The bound of 9e18 keeps every sum within 64 bits: beyond them SQLite would go on in floating point.

CREATE TABLE workspace (
    id         TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL UNIQUE,
    locked     INTEGER NOT NULL DEFAULT 0 CHECK (locked IN (0, 1)),
    balance    INTEGER NOT NULL DEFAULT 0 CHECK (balance BETWEEN -9000000000000000000 AND 9000000000000000000),
    version    INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_key (
    id              TEXT PRIMARY KEY NOT NULL,
    workspace       TEXT NOT NULL REFERENCES workspace (id),
    name            TEXT NOT NULL,
    sha256          BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
    prefix          TEXT NOT NULL,
    last4           TEXT NOT NULL,
    enabled         INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    revoked_at      REAL,
    expires_at      REAL,
    models          TEXT,     -- JSON list of slugs; NULL allows all
    rate_per_minute INTEGER,  -- NULL: the default of the catalogue
    burst           INTEGER,
    limit_daily     INTEGER,  -- pico-USD; NULL: none
    limit_monthly   INTEGER,
    limit_total     INTEGER,
    created_at      REAL NOT NULL
) STRICT, WITHOUT ROWID;

-- request: the request id of a usage row, the operation's id of the others; either way what makes a repeat harmless.
CREATE TABLE ledger (
    seq        INTEGER PRIMARY KEY,
    workspace  TEXT NOT NULL REFERENCES workspace (id),
    kind       TEXT NOT NULL CHECK (kind IN ('topup', 'usage', 'adjustment')),
    amount     INTEGER NOT NULL CHECK (amount BETWEEN -9000000000000000000 AND 9000000000000000000),
    request    TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL,
    CHECK (kind <> 'usage' OR amount <= 0)
) STRICT;

CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

-- Ids are ordered by time, so rows are appended at the right edge of the one tree.
CREATE TABLE generation (
    id                    TEXT PRIMARY KEY NOT NULL,
    workspace             TEXT NOT NULL REFERENCES workspace (id),
    key_id                TEXT NOT NULL,
    created_at            REAL NOT NULL,
    model                 TEXT NOT NULL,
    provider              TEXT NOT NULL,
    source                TEXT NOT NULL,
    status                TEXT NOT NULL,
    tokens_prompt         INTEGER NOT NULL,
    tokens_completion     INTEGER NOT NULL,
    tokens_reasoning      INTEGER NOT NULL,
    tokens_cached_prompt  INTEGER NOT NULL,
    tokens_cache_write    INTEGER NOT NULL,
    tokens_cache_write_1h INTEGER NOT NULL,
    cost                  INTEGER NOT NULL CHECK (cost BETWEEN 0 AND 9000000000000000000),
    latency_ms            INTEGER NOT NULL,
    details               TEXT NOT NULL  -- JSON: the bill's lines, losses, attempts and what nobody aggregates
) STRICT, WITHOUT ROWID;
