-- Which of the staff, or which key, has written a person's reply; NULL for what anybody else said.
ALTER TABLE messages ADD COLUMN written_by text CHECK (written_by IS NULL OR author = 'person');
