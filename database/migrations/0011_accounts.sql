-- Accounts: people who sign in, their sessions, the ids of the keys that sign tokens, and keys of machines in depth.

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    email         text NOT NULL UNIQUE CHECK (email = lower(email)),
    name          text NOT NULL DEFAULT '',
    role          text NOT NULL CHECK (role IN ('user', 'agent', 'admin')),
    password_hash text NOT NULL,
    customer_id   uuid REFERENCES customers (id),  -- whose tickets a customer who has signed in sees
    created_at    timestamptz NOT NULL DEFAULT now(),
    disabled_at   timestamptz,
    CHECK ((role = 'user') = (customer_id IS NOT NULL))
);
CREATE INDEX users_customer ON users (customer_id) WHERE customer_id IS NOT NULL;

-- What was called conversations is called tickets, as on the pages.
UPDATE api_keys SET scopes = ARRAY(
    SELECT DISTINCT replace(scope, 'conversations:', 'tickets:') FROM unnest(scopes) AS s (scope));
