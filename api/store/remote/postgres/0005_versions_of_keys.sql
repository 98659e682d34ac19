-- version: grows with each change of a key, whoever makes it, so that of two views the newer can be told. untold: the version of
-- the last change that Redis, which keeps keys for when the database is away, may not have heard of. NULL: it has.
ALTER TABLE api_key ADD COLUMN version bigint NOT NULL DEFAULT 1;
ALTER TABLE api_key ADD COLUMN untold bigint;
CREATE INDEX api_key_untold ON api_key (untold) WHERE untold IS NOT NULL;

CREATE FUNCTION count_change_of_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.untold := NEW.version;
    RETURN NEW;
END
$$;
CREATE TRIGGER api_key_changes
    BEFORE UPDATE OF workspace, name, sha256, enabled, revoked_at, expires_at, models, rate_per_minute, burst,
        limit_daily, limit_monthly, limit_total
    ON api_key FOR EACH ROW EXECUTE FUNCTION count_change_of_key();
