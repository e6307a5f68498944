-- How customers ask for what a passage answers. Its document says so, in words that the passage itself may not have.
ALTER TABLE knowledge_texts
    DROP CONSTRAINT knowledge_texts_pkey,
    DROP CONSTRAINT knowledge_texts_part_check,
    ADD COLUMN question text,
    ADD PRIMARY KEY (passage_id, part, hash),
    ADD CHECK (part IN ('title', 'passage', 'question')),
    ADD CHECK ((part = 'question') = (question IS NOT NULL));
