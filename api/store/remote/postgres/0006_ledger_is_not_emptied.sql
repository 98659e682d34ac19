-- No row may be changed or deleted since 0001; nor may all of them at once.
CREATE TRIGGER ledger_is_not_emptied BEFORE TRUNCATE ON ledger EXECUTE FUNCTION refuse_change();
