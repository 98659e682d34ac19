-- A workspace is never deleted, and keeps its id: the ledger is about it. So its existence need not be locked and looked up
-- again for each row of a settlement, as a foreign key does, a third of what a row costs: the statement that settles looks it up
-- itself, once, and finds no workspace to be NULL, which no table here takes. (`settling.py`)
CREATE FUNCTION refuse_loss() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a workspace stays as long as its ledger';
END
$$;
CREATE TRIGGER workspace_stays BEFORE DELETE OR UPDATE OF id ON workspace
    FOR EACH ROW EXECUTE FUNCTION refuse_loss();
CREATE TRIGGER workspaces_stay BEFORE TRUNCATE ON workspace EXECUTE FUNCTION refuse_loss();

ALTER TABLE ledger DROP CONSTRAINT ledger_workspace_fkey;
ALTER TABLE generation DROP CONSTRAINT generation_workspace_fkey;
ALTER TABLE rollup DROP CONSTRAINT rollup_workspace_fkey;
