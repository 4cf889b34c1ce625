"""What message search reads: documents of words, how common each word is, and messages by age.

Kind: pre (safe before the code that uses it). Down: drops everything it made.

Postgres knows no document frequencies and the posting lists of a GIN index span all tenants. So each workspace
keeps its own counts, and each document carries lexemes for its workspace, session and peer ('w=...', 's=...',
'p=...': no word contains '=') for queries to intersect with.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UP = r"""
SET LOCAL lock_timeout = '5s';

CREATE FUNCTION search_words(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN translate(
    CASE WHEN octet_length(content) = char_length(content) THEN content
         ELSE regexp_replace(
                  normalize(regexp_replace(normalize(content, NFKD), '[\u0300-\u036f]+', '', 'g'), NFC),
                  '([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff])|[\u2000-\u206f\u3000-\u303f]',
                  ' \1 ', 'g')
    END,
    '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32));
COMMENT ON FUNCTION search_words IS
    'content without accents and punctuation, and a space around each letter of the scripts that write none';

CREATE FUNCTION search_document(author text, content text, preceding text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN setweight(to_tsvector('pg_catalog.english', search_words(content)), 'A')
    || setweight(to_tsvector('pg_catalog.english', search_words(author)), 'B')
    || to_tsvector('pg_catalog.english', search_words(preceding));
COMMENT ON FUNCTION search_document IS
    'the words of a message: its text at weight A, its author at B, the beginning of the message before it at D';

CREATE TABLE message_search (
    workspace  text NOT NULL,
    message_id text NOT NULL,
    document   tsvector NOT NULL,
    PRIMARY KEY (workspace, message_id),
    FOREIGN KEY (workspace, message_id) REFERENCES messages (workspace, id) ON DELETE CASCADE
);
CREATE INDEX message_search_document ON message_search USING gin (document) WITH (gin_pending_list_limit = 256);

CREATE TABLE term_stats (
    workspace text NOT NULL REFERENCES workspaces (name) ON DELETE CASCADE,
    term      text NOT NULL,
    df        bigint NOT NULL,
    PRIMARY KEY (workspace, term)
) WITH (fillfactor = 70);
COMMENT ON COLUMN term_stats.df IS 'messages of the workspace that say the term or were said by someone of that name';

CREATE TABLE search_totals (
    workspace text PRIMARY KEY REFERENCES workspaces (name) ON DELETE CASCADE,
    documents bigint NOT NULL,
    lexemes   bigint NOT NULL
) WITH (fillfactor = 50);

CREATE INDEX messages_by_age ON messages (workspace, created_at DESC, seq DESC);
CREATE INDEX work_items_unindexed ON work_items (workspace, created_at DESC)
    WHERE state = 'pending' AND starts_with(unit, 'index:');
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
DROP INDEX IF EXISTS work_items_unindexed, messages_by_age;
DROP TABLE IF EXISTS search_totals, term_stats, message_search;
DROP FUNCTION IF EXISTS search_document, search_words;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
