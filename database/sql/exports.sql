-- name: view_customer
SELECT c.id, c.name, c.plan, c.created_at,
       coalesce((SELECT jsonb_agg(jsonb_build_object('kind', i.kind, 'value', i.value, 'level', i.level,
                                                     'created_at', i.created_at) ORDER BY i.created_at, i.value)
                   FROM customer_identifiers i WHERE i.customer_id = c.id), '[]') AS identifiers,
       coalesce((SELECT jsonb_agg(jsonb_build_object('email', u.email, 'name', u.name, 'created_at', u.created_at))
                   FROM users u WHERE u.customer_id = c.id), '[]') AS accounts,
       coalesce((SELECT jsonb_agg(to_jsonb(recent)) FROM (
           SELECT v.id, t.ref AS ticket_ref, t.status, v.channel, v.created_at
             FROM conversations v JOIN tickets t ON t.conversation_id = v.id
            WHERE v.customer_id = c.id ORDER BY v.created_at DESC, v.id DESC LIMIT :max_conversations) recent), '[]')
       AS conversations,
       coalesce((SELECT jsonb_agg(jsonb_build_object('channel', o.channel, 'inbox', o.inbox, 'since', o.created_at))
                   FROM opt_outs o
                  WHERE o.address_hash IN (SELECT hash_address(i.value) FROM customer_identifiers i
                                            WHERE i.customer_id = c.id)), '[]') AS opt_outs
  FROM customers c WHERE c.id = :customer_id;

-- name: list_conversations
SELECT id FROM conversations WHERE customer_id = :customer_id ORDER BY created_at, id;

-- name: read_conversation
-- All that is kept of one conversation, as JSON. Files come by themselves.
SELECT jsonb_build_object(
    'id', v.id, 'channel', v.channel, 'inbox', v.inbox, 'name', v.contact_name, 'identity_level', v.identity_level,
    'language', v.language, 'sentiment', v.sentiment, 'summary', v.summary, 'reply_path', v.reply_path,
    'created_at', v.created_at, 'updated_at', v.updated_at,
    'ticket', (SELECT to_jsonb(t) - '{id,conversation_id,assignee_id,search}'::text[] FROM tickets t WHERE t.conversation_id = v.id),
    'messages', coalesce((SELECT jsonb_agg(jsonb_build_object(
            'id', m.id, 'author', m.author, 'text', m.text, 'quoted', m.quoted, 'citations', m.citations,
            'language', m.language, 'sentiment', m.sentiment, 'created_at', m.created_at,
            'delivery', (SELECT jsonb_build_object('state', o.state, 'sent_at', o.sent_at, 'error', o.error)
                           FROM outbox o WHERE o.id = m.id)) ORDER BY m.created_at, m.id)
          FROM messages m WHERE m.conversation_id = v.id), '[]'),
    'facts', coalesce((SELECT jsonb_agg(f.fact) FROM customer_facts f WHERE f.conversation_id = v.id), '[]'),
    'feedback', coalesce((SELECT jsonb_agg(jsonb_build_object('rating', f.rating, 'is_resolved', f.is_resolved,
                                                              'comment', f.comment, 'created_at', f.created_at))
          FROM tickets t JOIN ticket_feedback f ON f.ticket_id = t.id WHERE t.conversation_id = v.id), '[]'),
    'notes', coalesce((SELECT jsonb_agg(jsonb_build_object('text', n.text, 'created_at', n.created_at)
                                        ORDER BY n.created_at)
          FROM tickets t JOIN ticket_notes n ON n.ticket_id = t.id WHERE t.conversation_id = v.id), '[]'),
    'decisions', coalesce((SELECT jsonb_agg(jsonb_build_object('outcome', r.outcome, 'decision', r.decision,
                                                               'model', r.model, 'created_at', r.created_at,
                'labels', (SELECT jsonb_agg(jsonb_build_object('kind', l.kind, 'value', l.value, 'by', l.given_by))
                             FROM run_labels l WHERE l.run_id = r.id)) ORDER BY r.created_at)
          FROM agent_runs r WHERE r.conversation_id = v.id), '[]'))
  FROM conversations v WHERE v.id = :conversation_id;

-- name: list_files
SELECT a.id, a.message_id, a.name, a.content_type, a.size, a.problem
  FROM conversations v JOIN messages m ON m.conversation_id = v.id JOIN message_attachments a ON a.message_id = m.id
 WHERE v.customer_id = :customer_id ORDER BY a.id;

-- name: read_content
SELECT encode(c.content, 'base64') FROM message_attachments a JOIN attachments c ON c.digest = a.digest
 WHERE a.id = :file_id;
