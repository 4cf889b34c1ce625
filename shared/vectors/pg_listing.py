"""The statements that list what the Postgres index holds and hand it out whole, for copies and comparisons."""

from typing import LiteralString

STORED_CONCLUSIONS: LiteralString = """
SELECT workspace, id, observer, observed, session, level, vector::real[] FROM {conclusions}
 WHERE workspace = %(workspace)s AND id = ANY(%(ids)s)
"""

STORED_MESSAGES: LiteralString = """
SELECT workspace, message_id, piece, session, peer, vector::real[] FROM {messages}
 WHERE workspace = %(workspace)s AND message_id = ANY(%(ids)s)
"""

HELD_CONCLUSIONS: LiteralString = """
SELECT id FROM {conclusions} WHERE workspace = %(workspace)s AND id = ANY(%(ids)s)
"""

HELD_MESSAGES: LiteralString = """
SELECT DISTINCT message_id FROM {messages} WHERE workspace = %(workspace)s AND message_id = ANY(%(ids)s)
"""

LISTED_CONCLUSIONS: LiteralString = """
SELECT id FROM {conclusions}
 WHERE workspace = %(workspace)s AND id > %(after)s
 ORDER BY id
 LIMIT %(most)s
"""

LISTED_MESSAGES: LiteralString = """
SELECT DISTINCT message_id FROM {messages}
 WHERE workspace = %(workspace)s AND message_id > %(after)s
 ORDER BY message_id
 LIMIT %(most)s
"""
