-- Who may sign in to the console. sha256: a digest from which neither the token nor a session can be made.
CREATE TABLE console_token (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    sha256  bytea NOT NULL CHECK (length(sha256) = 32),
    made_at double precision NOT NULL
);

-- Sessions that somebody has signed out of, until they would have expired.
CREATE TABLE console_signed_out (
    session bytea PRIMARY KEY CHECK (length(session) = 16),
    until   double precision NOT NULL
);
