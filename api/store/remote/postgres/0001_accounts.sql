-- Workspaces, keys, the append-only ledger, one row per request, and its sums by day. Money is pico-USD, times are unix
-- seconds. The bound of 9e18 keeps every sum within 64 bits.

CREATE TABLE workspace (
    id         text PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    locked     boolean NOT NULL DEFAULT false,
    balance    bigint NOT NULL DEFAULT 0 CHECK (balance BETWEEN -9000000000000000000 AND 9000000000000000000),
    version    bigint NOT NULL DEFAULT 0,
    created_at double precision NOT NULL
);

CREATE TABLE api_key (
    id              text PRIMARY KEY,
    workspace       text NOT NULL REFERENCES workspace (id),
    name            text NOT NULL,
    sha256          bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    prefix          text NOT NULL,
    last4           text NOT NULL,
    enabled         boolean NOT NULL DEFAULT true,
    revoked_at      double precision,
    expires_at      double precision,
    models          text[],  -- slugs; NULL allows all
    rate_per_minute bigint,  -- NULL: the default of the catalogue
    burst           bigint,
    limit_daily     bigint,  -- pico-USD; NULL: none
    limit_monthly   bigint,
    limit_total     bigint,
    created_at      double precision NOT NULL
);
CREATE INDEX api_key_workspace ON api_key (workspace);

-- request: the request id of a usage row, the operation's id of the others; either way what makes a repeat harmless.
CREATE TABLE ledger (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace  text NOT NULL REFERENCES workspace (id),
    kind       text NOT NULL CHECK (kind IN ('topup', 'usage', 'adjustment')),
    amount     bigint NOT NULL CHECK (amount BETWEEN -9000000000000000000 AND 9000000000000000000),
    request    text NOT NULL UNIQUE,
    created_at double precision NOT NULL,
    CHECK (kind <> 'usage' OR amount <= 0)
);
CREATE INDEX ledger_workspace ON ledger (workspace);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only';
END
$$;
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- status 'interrupted': admitted, and never heard of again. Such a row has no ledger row; a real one may take its place.
CREATE TABLE generation (
    id                    text PRIMARY KEY,
    workspace             text NOT NULL REFERENCES workspace (id),
    key_id                text NOT NULL,
    created_at            double precision NOT NULL,
    model                 text NOT NULL,
    provider              text NOT NULL,
    source                text NOT NULL,
    status                text NOT NULL,
    tokens_prompt         bigint NOT NULL,
    tokens_completion     bigint NOT NULL,
    tokens_reasoning      bigint NOT NULL,
    tokens_cached_prompt  bigint NOT NULL,
    tokens_cache_write    bigint NOT NULL,
    tokens_cache_write_1h bigint NOT NULL,
    cost                  bigint NOT NULL CHECK (cost BETWEEN 0 AND 9000000000000000000),
    latency_ms            bigint NOT NULL,
    details               text NOT NULL,  -- JSON: the bill's lines, losses, attempts and what nobody aggregates
    CHECK (status <> 'interrupted' OR cost = 0)
);

-- Sums of the usage rows: what the limits of keys and the reports read instead of the ledger. day: since 1970, UTC.
CREATE TABLE rollup (
    day               bigint NOT NULL,
    workspace         text NOT NULL REFERENCES workspace (id),
    key_id            text NOT NULL,  -- or the source of requests with one-time keys: 'playground', 'chat'
    model             text NOT NULL,
    requests          bigint NOT NULL,
    tokens_prompt     bigint NOT NULL,
    tokens_completion bigint NOT NULL,
    cost              bigint NOT NULL,
    PRIMARY KEY (day, workspace, key_id, model)
);
CREATE INDEX rollup_key ON rollup (key_id, day);
