-- name: lock
-- Until the transaction ends, so that no worker answers meanwhile. What is read afterwards is what it locked.
SELECT v.id FROM tickets t JOIN conversations v ON v.id = t.conversation_id WHERE t.ref = :ref FOR UPDATE OF v;

-- name: read_state
SELECT t.id, t.ref, t.status, t.conversation_id, v.thread_id, q.contact, v.owner, t.category, t.priority, t.intent,
       t.route, t.team, t.updated_at, u.id AS assignee_id,
       coalesce(nullif(u.name, ''), u.email) AS assignee_name,
       q.done_seq < q.last_seq AS has_unread,
       (SELECT m.author FROM messages m WHERE m.conversation_id = t.conversation_id AND m.author <> 'system'
         ORDER BY m.created_at DESC, m.id DESC LIMIT 1) AS last_author
  FROM tickets t JOIN conversations v ON v.id = t.conversation_id JOIN queue_threads q ON q.id = v.thread_id
  LEFT JOIN users u ON u.id = t.assignee_id
 WHERE t.ref = :ref;

-- name: direct
-- A person says whose the ticket is, and why.
UPDATE tickets t SET route = r.category, team = r.team, handover_reason = :reason, updated_at = now()
  FROM escalation_routes r
 WHERE t.conversation_id = :conversation_id AND r.category = :route;

-- name: return_to_agent
-- The agent answers what comes next, as often as in any other matter, and nobody of the staff has it. It is open because
-- a person said so: thanks take back no reopening of before.
WITH returned AS (
    UPDATE conversations SET owner = 'agent', automatic_replies = 0, updated_at = now() WHERE id = :conversation_id
)
UPDATE tickets SET status = 'open', route = NULL, team = NULL, handover_reason = NULL, handover_summary = NULL,
       handover_draft = NULL, reopened_from = NULL, assignee_id = NULL, updated_at = now()
 WHERE conversation_id = :conversation_id;

-- name: assign
UPDATE tickets SET assignee_id = :user_id, updated_at = now() WHERE ref = :ref;

-- name: find_staff
SELECT id FROM users WHERE id = :id AND role <> 'user' AND disabled_at IS NULL;

-- name: touch
UPDATE tickets SET updated_at = now() WHERE id = :ticket_id;

-- name: keep
-- Whoever answers a ticket that nobody has, has it from now on.
UPDATE tickets SET updated_at = now(),
       assignee_id = coalesce(assignee_id, (SELECT id FROM users WHERE id = :author_id))
 WHERE id = :ticket_id;

-- name: add_note
INSERT INTO ticket_notes (id, ticket_id, text, user_id, written_by)
SELECT :id, :ticket_id, :text, (SELECT id FROM users WHERE id = :author_id), :written_by
RETURNING created_at;

-- name: list_notes
SELECT id, text, written_by, created_at FROM ticket_notes WHERE ticket_id = :ticket_id
 ORDER BY created_at DESC, id DESC LIMIT :max_notes;

-- name: list_said
SELECT m.text FROM unnest(:ids::uuid[]) WITH ORDINALITY AS g (id, place) JOIN messages m ON m.id = g.id ORDER BY g.place;

-- name: find_question
-- The customer's newest message: what a person's reply answers.
SELECT id FROM messages WHERE conversation_id = :conversation_id AND author = 'customer'
 ORDER BY created_at DESC, id DESC LIMIT 1;

-- name: has_answer
SELECT EXISTS (SELECT FROM messages WHERE conversation_id = :conversation_id AND author IN ('assistant', 'person'));
