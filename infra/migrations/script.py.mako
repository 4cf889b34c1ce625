"""${message}

Kind: pre or post (say which, here and in the file's name). Down: what it takes back.
"""

% if upgrades:
import sqlalchemy as sa
% endif
from alembic import op
% if imports:
${imports}
% endif

revision = "${up_revision}"
down_revision = "${down_revision}"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
"""


def upgrade() -> None:
    op.execute(UP)
% if upgrades:
    # To be rewritten as SQL in UP:
    ${upgrades}
% endif


def downgrade() -> None:
    op.execute(DOWN)
% if downgrades:
    # To be rewritten as SQL in DOWN:
    ${downgrades}
% endif
