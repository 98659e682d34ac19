-- spent: what the requests of a workspace have cost in all, moved together with its balance. Unlike a balance it only grows:
-- numeric, so that no workspace outgrows 64 bits.
ALTER TABLE workspace ADD COLUMN spent numeric NOT NULL DEFAULT 0 CHECK (spent >= 0);
UPDATE workspace w SET spent = s.cost
FROM (SELECT workspace, sum(cost) AS cost FROM rollup GROUP BY workspace) s WHERE s.workspace = w.id;

-- For the usage of one workspace. The columns that settlements change are in no index: such a change stays within its page.
CREATE INDEX rollup_workspace ON rollup (workspace, day);

-- Which ledger this is, whatever address it is found under; copies and replicas have the same. Journals name it.
CREATE TABLE identity (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    name uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO identity DEFAULT VALUES;
