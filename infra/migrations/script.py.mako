"""${message}

Kind: pre or post (say which, here and in the file's name). Down: what it takes back.
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}

UP = """
SET LOCAL lock_timeout = '5s';
${"" if upgrades == "pass" else upgrades}
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
${"" if downgrades == "pass" else downgrades}
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
