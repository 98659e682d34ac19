-- Sums of the usage rows: what the limits of keys and the reports read instead of the ledger. day: since 1970, UTC.
-- Rows of status 'interrupted' are in neither: admitted, and never heard of again, at no cost.

CREATE TABLE rollup (
    day               INTEGER NOT NULL,
    workspace         TEXT NOT NULL REFERENCES workspace (id),
    key_id            TEXT NOT NULL,  -- or the source of requests with one-time keys: 'playground', 'chat'
    model             TEXT NOT NULL,
    requests          INTEGER NOT NULL,
    tokens_prompt     INTEGER NOT NULL,
    tokens_completion INTEGER NOT NULL,
    cost              INTEGER NOT NULL,
    PRIMARY KEY (day, workspace, key_id, model)
) STRICT, WITHOUT ROWID;

CREATE INDEX rollup_key ON rollup (key_id, day);

INSERT INTO rollup
SELECT CAST(floor(created_at / 86400) AS INTEGER), workspace, iif(source = 'api', key_id, source), model,
       count(*), sum(tokens_prompt), sum(tokens_completion), sum(cost)
FROM generation GROUP BY 1, 2, 3, 4;
