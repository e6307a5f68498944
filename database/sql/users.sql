-- name: add
INSERT INTO users (id, email, name, role, password_hash, customer_id)
VALUES (:id, :email, :name, :role, :password_hash, :customer_id)
ON CONFLICT (email) DO NOTHING
RETURNING id;

-- name: find
SELECT id, email, name, role, customer_id, created_at, last_sign_in_at, disabled_at FROM users WHERE id = :id;

-- name: find_by_email
SELECT id, email, name, role, customer_id, created_at, last_sign_in_at, disabled_at FROM users WHERE email = :email;

-- name: find_credentials
SELECT id, password_hash, customer_id FROM users WHERE email = :email AND disabled_at IS NULL;

-- name: list_page
SELECT id, email, name, role, customer_id, created_at, last_sign_in_at, disabled_at FROM users
 WHERE id < coalesce(:before::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') ORDER BY id DESC LIMIT :max_rows;

-- name: list_agents
SELECT id, coalesce(nullif(name, ''), email) AS name FROM users
 WHERE role <> 'user' AND disabled_at IS NULL ORDER BY 2, 1 LIMIT :max_rows;

-- name: lock_admins
-- In order, so that two admins who demote each other wait for each other and do not both succeed.
SELECT id FROM users WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id FOR UPDATE;

-- name: has_admin
SELECT EXISTS (SELECT FROM users WHERE role = 'admin' AND disabled_at IS NULL);

-- name: change
UPDATE users
   SET name = :name, role = :role, customer_id = :customer_id,
       disabled_at = CASE WHEN :is_disabled::boolean THEN coalesce(disabled_at, now()) END
 WHERE id = :id;

-- name: let_go_of_tickets
-- Those that are settled tell whose they were.
UPDATE tickets SET assignee_id = NULL, updated_at = now() WHERE assignee_id = :id AND status <> 'closed';

-- name: set_password
-- With :old_hash, unless the password has been changed since that was read.
UPDATE users SET password_hash = :password_hash
 WHERE id = :id AND (:old_hash::text IS NULL OR password_hash = :old_hash::text)
RETURNING id;

-- name: note_sign_in
-- Unless the account was disabled, or its password changed, while the password was compared.
UPDATE users SET last_sign_in_at = :now
 WHERE id = :id AND password_hash = :password_hash AND disabled_at IS NULL
RETURNING id;
