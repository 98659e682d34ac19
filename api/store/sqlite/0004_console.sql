-- Who may sign in to the console. sha256: a digest from which neither the token nor a session can be made.
CREATE TABLE console_token (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    sha256  BLOB NOT NULL CHECK (length(sha256) = 32),
    made_at REAL NOT NULL
) STRICT;

-- Sessions that somebody has signed out of, until they would have expired.
CREATE TABLE console_signed_out (
    session BLOB PRIMARY KEY NOT NULL CHECK (length(session) = 16),
    until   REAL NOT NULL
) STRICT, WITHOUT ROWID;
