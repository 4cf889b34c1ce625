"""What the Makefile of the layers says."""

from infra.tools.contract.tree_rules import services_kept, targets_of

MAKEFILE = """
SERVICES = sqs scheduler
build-RuntimeLayer:
	true
define FUNCTION
build-$(1):
endef
$(eval $(call FUNCTION,TickFunction,tick))
"""


def test_targets_are_layers_and_the_functions_that_share_a_rule():
    assert targets_of(MAKEFILE) == {"RuntimeLayer", "TickFunction"}


def test_services_are_those_whose_description_stays():
    assert services_kept(MAKEFILE) == {"sqs", "scheduler"}
    assert services_kept("all:") == set()
