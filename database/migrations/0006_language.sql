-- The language of each message and conversation (ISO 639-1; NULL: not recognised, or written before this), and how the
-- customer felt: per message, and as a trend over the conversation (change of sentiment per message).
ALTER TABLE messages
    ADD COLUMN language text,
    ADD COLUMN sentiment real CHECK (sentiment BETWEEN -1 AND 1);
ALTER TABLE conversations
    ADD COLUMN language text,
    ADD COLUMN sentiment_trend real NOT NULL DEFAULT 0;
