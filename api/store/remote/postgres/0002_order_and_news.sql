-- made: the order in which they were made, which the clocks of several machines do not tell.
ALTER TABLE workspace ADD COLUMN made bigint GENERATED ALWAYS AS IDENTITY;
ALTER TABLE api_key ADD COLUMN made bigint GENERATED ALWAYS AS IDENTITY;

-- untold: the version of the last change, other than by a settlement, that Redis may not have heard of. NULL: it has.
ALTER TABLE workspace ADD COLUMN untold bigint;
CREATE INDEX workspace_untold ON workspace (untold) WHERE untold IS NOT NULL;
