"""The steps that must not be torn apart, as Lua for Redis.

A reader that misses takes the lock of the row, reads Postgres and fills the value; whoever changes the row takes that
lock away and counts itself in while it does. So what was read before a change is never kept after it.
"""

from typing import Final

# KEYS: lock, writers, leavers. ARGV: token, milliseconds. 1: taken; 0: somebody else has it; -1: not now.
TAKE: Final = """
if redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then return -1 end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0
"""

# KEYS: lock, value. ARGV: token, value, seconds.
FILL: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
return 1
"""

# KEYS: lock. ARGV: token. What was not found needs no lock any more.
RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

# KEYS: counter, and what goes. ARGV: seconds after which a writer counts as dead.
BEGIN: Final = """
redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[1])
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
return 1
"""

# The same keys.
END: Final = """
-- A counter that expired meanwhile must not be left below nothing.
if redis.call('DECR', KEYS[1]) <= 0 then redis.call('DEL', KEYS[1]) end
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
return 1
"""

# KEYS: what goes.
DROP: Final = "return redis.call('DEL', unpack(KEYS))"

# KEYS: epoch. ARGV: the new one, seconds; it outlives every value of an epoch before it.
TURN: Final = """
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""
